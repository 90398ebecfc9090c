//! The data folder, which no path leaves.

use std::path::{Component, Path, PathBuf};

use super::error::DataError;

/// The path of something in `folder`, by a path from there: without links, as it was checked, so that a
/// link that is put in its place later is not followed. Who may write in the folder itself is trusted: a
/// folder on the way that becomes a link between the check and the opening is not noticed.
///
/// # Errors
/// The path leaves the folder, by its words or by a link, or there is nothing there.
pub fn resolve_within(folder: &Path, path: &Path) -> Result<PathBuf, DataError> {
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(plain) {
        return Err(DataError::Outside { path: path.to_owned() });
    }
    let joined = folder.join(path);
    let real = |path: &Path| {
        let unreadable = |error: std::io::Error| DataError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        path.canonicalize().map_err(unreadable)
    };
    // An empty folder is where the program was started.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let found = real(&joined)?;
    if !found.starts_with(real(folder)?) {
        return Err(DataError::LinkOut { path: path.to_owned() });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_reached() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(folder.join("deep/a.csv"), "a").unwrap();
        std::fs::write(home.path().join("secret.csv"), "b").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret.csv"), folder.join("b.csv")).unwrap();
        std::os::unix::fs::symlink(folder.join("deep"), folder.join("c")).unwrap();
        let found = |path: &str| resolve_within(&folder, Path::new(path));
        assert!(found("deep/a.csv").is_ok());
        // What was checked is what is opened: a link may lead elsewhere by then.
        let checked = found("./c/a.csv").unwrap();
        assert_eq!(checked, folder.canonicalize().unwrap().join("deep/a.csv"));
        for path in ["../secret.csv", "/etc/passwd", "deep/../../secret.csv"] {
            assert!(matches!(found(path), Err(DataError::Outside { .. })), "{path}");
        }
        assert!(matches!(found("b.csv"), Err(DataError::LinkOut { .. })));
        assert!(matches!(found("d.csv"), Err(DataError::Unreadable { .. })));
    }
}

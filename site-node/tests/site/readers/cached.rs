//! Files in a study's form, from the cache and past it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use plan::experiment::Beats;
use site_node::data::cache::Cache;
use site_node::data::ecg::EcgStandard;
use site_node::data::image::{ImageStandard, Window};
use site_node::data::prepare::{Export, Form, Progress, all};

use super::build::{header, png, samples};
use super::written;

fn arrays(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_ecg_is_made_once_and_again_when_anything_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let cache = Cache::open(store.path()).unwrap();
    written(&folder, "made.dat", &samples(3000));
    let path = written(&folder, "made.hea", header("made.dat", 3000).as_bytes());
    let form = Form::Ecg(EcgStandard::default());
    let (first, made) = form.load(&path, Export::default(), &cache).unwrap();
    assert!(made && first.shape == [12, 5000] && first.values.len() == 60_000);
    assert_eq!(form.load(&path, Export::default(), &cache).unwrap(), (first.clone(), false));

    // Another form, another header, other samples: another key.
    let slow = Form::Ecg(EcgStandard { rate_hz: 250.0, samples: 1500, ..EcgStandard::default() });
    assert!(slow.load(&path, Export::default(), &cache).unwrap().1);
    // Beats are another form too, and it shows no rhythm.
    let beats = EcgStandard { beats: Some(Beats::default()), ..EcgStandard::default() };
    assert_eq!(Form::Ecg(beats.clone()).shape(), [12, 400]);
    let none = Form::Ecg(beats).load(&path, Export::default(), &cache).unwrap_err().to_string();
    assert!(none.contains("3 whole beats of one shape"), "{none}");
    fs::write(&path, header("made.dat", 2900)).unwrap();
    assert!(form.load(&path, Export::default(), &cache).unwrap().1);
    written(&folder, "made.dat", &samples(3500));
    assert!(form.load(&path, Export::default(), &cache).unwrap().1);
    assert_eq!(arrays(&store).len(), 4);
}

#[test]
fn a_cached_file_that_does_not_check_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let cache = Cache::open(store.path()).unwrap();
    let data: Vec<u8> = (0..255).collect();
    let file = png(17, 15, png::ColorType::Grayscale, png::BitDepth::Eight, &data);
    let path = written(&folder, "a.png", &file);
    let form = Form::Image(ImageStandard { width: 8, height: 6, window: None });
    let (wanted, _) = form.load(&path, Export::default(), &cache).unwrap();
    let kept = arrays(&store).remove(0);
    let good = fs::read(&kept).unwrap();
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&kept, bad).unwrap();
        assert_eq!(
            form.load(&path, Export::default(), &cache).unwrap(),
            (wanted.clone(), true),
            "{place}"
        );
    }
    for len in [0, 7, good.len() - 1] {
        fs::write(&kept, &good[..len]).unwrap();
        assert_eq!(
            form.load(&path, Export::default(), &cache).unwrap(),
            (wanted.clone(), true),
            "{len}"
        );
    }
    fs::write(&kept, [good.as_slice(), &[0]].concat()).unwrap();
    assert!(form.load(&path, Export::default(), &cache).unwrap().1);
    // The array of another file under this one's name.
    let other = Form::Image(ImageStandard { width: 6, height: 8, window: None });
    other.load(&path, Export::default(), &cache).unwrap();
    let swapped = arrays(&store).into_iter().find(|path| *path != kept).unwrap();
    fs::copy(&swapped, &kept).unwrap();
    assert_eq!(form.load(&path, Export::default(), &cache).unwrap(), (wanted, true));
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&kept), 0, "other users can read a patient's picture");
    let window = Some(Window { centre: 0.0, width: 0.0 });
    let bad = Form::Image(ImageStandard { width: 8, height: 6, window });
    assert!(bad.load(&path, Export::default(), &cache).is_err());
}

#[test]
fn many_files_are_prepared_at_once_and_bad_ones_reported() {
    let folder = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let cache = Cache::open(&store.path().join("deeper/still")).unwrap();
    let mut paths = Vec::new();
    for number in 0..20_u8 {
        let data: Vec<u8> = (0..64).map(|place| place * 3 + number).collect();
        let file = png(8, 8, png::ColorType::Grayscale, png::BitDepth::Eight, &data);
        let cut = if number % 7 == 3 { file.len() / 2 } else { file.len() };
        paths.push(written(&folder, &format!("{number}.png"), &file[..cut]));
    }
    let form = Form::Image(ImageStandard { width: 4, height: 4, window: None });
    let told: Mutex<Vec<Progress>> = Mutex::default();
    let tell = |progress| told.lock().unwrap().push(progress);
    let first = all(&paths, &form, Export::default(), &cache, 4, &tell);
    assert_eq!((first.made, first.found), (17, 0));
    let failed: Vec<&PathBuf> = first.failed.iter().map(|(path, _)| path).collect();
    assert_eq!(failed, [&paths[3], &paths[10], &paths[17]]);
    let told = told.into_inner().unwrap();
    let done: Vec<usize> = told.iter().map(|progress| progress.done).collect();
    assert_eq!(done, (1..=20).collect::<Vec<_>>());
    assert_eq!(*told.last().unwrap(), Progress { done: 20, all: 20, failed: 3 });
    let second = all(&paths, &form, Export::default(), &cache, 2, &|_| {});
    assert_eq!((second.made, second.found, second.failed.len()), (0, 17, 3));
    assert!(all(&[], &form, Export::default(), &cache, 2, &|_| {}).failed.is_empty());
}

/// A plan chooses the form: sizes without end would fill the disk, each with all patients once more.
#[test]
fn the_oldest_arrays_make_room_for_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let data: Vec<u8> = (0..64).collect();
    let file = png(8, 8, png::ColorType::Grayscale, png::BitDepth::Eight, &data);
    let path = written(&folder, "a.png", &file);
    let held = || arrays(&store).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    let form = |width| Form::Image(ImageStandard { width, height: 50, window: None });
    let most = 100_000;
    for width in 1..=200 {
        // As each consent does: the folder is opened anew.
        let cache = Cache::open_within(store.path(), most).unwrap();
        assert!(form(width).load(&path, Export::default(), &cache).unwrap().1);
        assert!(held() <= most, "{} bytes after {width}", held());
        // What was just made is there.
        assert!(!form(width).load(&path, Export::default(), &cache).unwrap().1);
    }
    let cache = Cache::open_within(store.path(), most).unwrap();
    assert!(!form(199).load(&path, Export::default(), &cache).unwrap().1);
    assert!(form(1).load(&path, Export::default(), &cache).unwrap().1, "the oldest one is gone");
}

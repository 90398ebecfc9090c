//! What the outcome is predicted from.

use serde::{Deserialize, Serialize};

use super::view::{View, ViewSource};
use base::config::{Section, Settings};
use base::quote::quoted;

/// One numeric column, scaled by public constants: the model reads (x − center) / scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name, the same at every site.
    pub column: String,
    /// Subtracted first.
    pub center: f64,
    /// Divided by then.
    pub scale: f64,
}

/// The `[features]` table: columns as they are, and views of everything else.
pub(super) struct Features {
    pub(super) columns: Vec<Feature>,
    pub(super) views: Vec<View>,
}

struct Scale {
    center: f64,
    scale: f64,
}

impl Settings for Scale {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let center = section.or("center", 0.0);
        let scale = section.or("scale", 1.0);
        Some(Self { center: center?, scale: scale? })
    }
}

impl Settings for Features {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let hint = "list the columns that the model reads";
        let columns: Option<Vec<String>> = if section.has("views") {
            section.or("columns", Vec::new())
        } else {
            section.required("columns", hint)
        };
        let scales = section.named::<Scale>("scale");
        let views = section.named::<ViewSource>("views");
        let columns = columns?;
        let scales = scales?;
        let views = views?;
        let mut known = true;
        for (name, _) in &scales {
            if !columns.contains(name) {
                section.problem(
                    "scale",
                    format!("{} is not among the columns", quoted(name)),
                    "list it in features.columns or remove its scale",
                );
                known = false;
            }
        }
        let scaled = |column: String| {
            let found = scales.iter().find(|(name, _)| *name == column);
            let (center, scale) = found.map_or((0.0, 1.0), |(_, s)| (s.center, s.scale));
            Feature { column, center, scale }
        };
        let columns = columns.into_iter().map(scaled).collect();
        let views = views.into_iter().map(|(name, source)| View { name, source }).collect();
        known.then_some(Self { columns, views })
    }
}

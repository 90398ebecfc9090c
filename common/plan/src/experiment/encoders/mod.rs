//! The `[model.encoders.VIEW]` tables: a file for each kind of encoder.

mod bag;
mod convolutions;
mod gru;

use base::config::{Section, Settings, nearest};
use base::quote::quoted;

use super::view::View;
use crate::model::{Encoder, EncoderKind, Input, Pool};

/// What computes a view's vector, as files name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// A sum of embeddings of codes.
    Bag,
    /// A recurrent network over dated codes.
    Gru,
    /// Convolutions over an ECG or an image.
    Convolutions,
}

base::choice!(Network { Bag => "bag", Gru => "gru", Convolutions => "convolutions" });

impl Network {
    /// What reads such a view if its table says nothing.
    fn usual(input: Input) -> Self {
        match input {
            Input::Codes { .. } => Self::Bag,
            Input::Ecg { .. } | Input::Image { .. } => Self::Convolutions,
        }
    }

    /// Its keys beside those that all have, and what to do with another.
    fn keys(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Bag => (bag::KEYS, bag::HINT),
            Self::Gru => (gru::KEYS, gru::HINT),
            Self::Convolutions => (convolutions::KEYS, convolutions::HINT),
        }
    }

    /// The encoder of a view.
    fn kind(self, input: Input, sizes: Sizes) -> Result<EncoderKind, KeyProblem> {
        match (self, input) {
            (Self::Bag, Input::Codes { vocabulary }) => Ok(bag::kind(vocabulary, &sizes)),
            (Self::Gru, Input::Codes { vocabulary }) => Ok(gru::kind(vocabulary, &sizes)),
            (Self::Convolutions, Input::Ecg { samples }) => convolutions::ecg(samples, sizes),
            (Self::Convolutions, Input::Image { width, height }) => {
                convolutions::image(width, height, sizes)
            }
            (Self::Bag | Self::Gru | Self::Convolutions, _) => {
                let readers = match input {
                    Input::Codes { .. } => "\"bag\" or \"gru\"",
                    Input::Ecg { .. } | Input::Image { .. } => "\"convolutions\"",
                };
                let what = format!("{:?} cannot read this view; expected {readers}", self.name());
                Err(("kind", what, "remove the key, or use a kind that reads the view"))
            }
        }
    }
}

/// Which key of the file, what was found, and how to mend it.
pub(super) type Problem = (String, String, &'static str);

/// The same of a key of the table.
type KeyProblem = (&'static str, String, &'static str);

/// A `[model.encoders.VIEW]` table before it meets its view.
pub(super) struct EncoderTable {
    /// The keys that it has of [`OPTIONAL_KEYS`].
    given: Vec<&'static str>,
    network: Option<Network>,
    sizes: Sizes,
    frozen: bool,
    pool: Option<Pool>,
}

/// The keys that some kinds have and others do not.
const OPTIONAL_KEYS: [&str; 8] =
    ["width", "embedding", "channels", "kernel", "strides", "dilations", "residual", "pool"];

/// The sizes among them.
struct Sizes {
    width: Option<u32>,
    embedding: Option<u32>,
    channels: Option<Vec<u32>>,
    kernel: Option<u32>,
    strides: Option<Vec<u32>>,
    dilations: Option<Vec<u32>>,
    residual: Option<Vec<u32>>,
}

impl Settings for EncoderTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let given = OPTIONAL_KEYS.into_iter().filter(|key| section.has(key)).collect();
        let network = section.maybe_one_of("kind");
        let width = section.maybe("width");
        let embedding = section.maybe("embedding");
        let channels = section.maybe("channels");
        let kernel = section.maybe("kernel");
        let strides = section.maybe("strides");
        let dilations = section.maybe("dilations");
        let residual = section.maybe("residual");
        let frozen = section.or("frozen", false);
        let pool = section.maybe_one_of("pool");
        let sizes = Sizes {
            width: width?,
            embedding: embedding?,
            channels: channels?,
            kernel: kernel?,
            strides: strides?,
            dilations: dilations?,
            residual: residual?,
        };
        Some(Self { given, network: network?, sizes, frozen: frozen?, pool: pool? })
    }
}

impl EncoderTable {
    /// The encoder of the view of this name.
    pub(super) fn resolve(self, name: String, views: &[View]) -> Result<Encoder, Problem> {
        let at = |key: &str| match key {
            "" => format!("model.encoders.{name}"),
            key => format!("model.encoders.{name}.{key}"),
        };
        let Some(view) = views.iter().find(|view| view.name == name) else {
            let known = views.iter().map(|view| view.name.as_str());
            let what = match nearest(&name, known) {
                Some(near) => format!("no view has this name; do you mean {}?", quoted(near)),
                None => "no view has this name".to_owned(),
            };
            return Err((at(""), what, "name the view that the encoder reads"));
        };
        let Some(input) = view.source.input() else {
            let what = "its view is of numbers or categories".to_owned();
            let hint = "leave the encoder out: such views are inputs of the tables' layers";
            return Err((at(""), what, hint));
        };
        let network = self.network.unwrap_or(Network::usual(input));
        let (keys, hint) = network.keys();
        let stray: Vec<_> = self.given.iter().filter(|key| !keys.contains(key)).copied().collect();
        let frozen = self.frozen;
        let pool = self.pool.unwrap_or(Pool::Mean);
        // Before stray keys, which may be those of the kind that was meant.
        let kind =
            network.kind(input, self.sizes).map_err(|(key, what, hint)| (at(key), what, hint))?;
        match stray.as_slice() {
            [] => {}
            [key] => {
                let what = format!("not a key of an encoder of kind {:?}", network.name());
                return Err((at(key), what, hint));
            }
            keys => {
                let keys = keys.join(", ");
                let what = format!("{keys}: not keys of an encoder of kind {:?}", network.name());
                return Err((at(""), what, hint));
            }
        }
        let encoder = Encoder { view: name.clone(), kind, frozen, pool };
        encoder.check_alone().map_err(|error| {
            (at(""), error.to_string(), "keep the encoder's numbers within their bounds")
        })?;
        Ok(encoder)
    }
}

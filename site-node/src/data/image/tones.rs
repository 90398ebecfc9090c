//! From the stored numbers of a grey DICOM image to brightness (PS3.3, C.7.6.3, C.11.1, C.11.2, C.11.6).
//!
//! ```text
//! stored ─► modality: table │ slope, intercept ─► VOI: table │ window │ whole range ─► 0 to 1
//!                                                                  MONOCHROME1: 1 − it
//! padding ──────────────────────────────────────────────────────────────────────────► 0
//! ```
//!
//! Every attribute that changes what a viewer shows is applied or refused by its name. In an enhanced
//! image the attributes stand in its functional groups.

use std::ops::RangeInclusive;

use super::lookup::LookupTable;
use super::pixels::Layout;
use super::window::Shape;
use super::{ImageFault, Window};
use crate::data::dicom::{DataSet, DicomFault, Tag, tags};

/// What stored numbers measure.
enum Modality {
    /// None where the image states no slope.
    Rescale {
        slope: Option<f64>,
        intercept: f64,
    },
    Table(LookupTable),
}

/// How what is measured becomes brightness.
enum Voi {
    Table(LookupTable),
    Window(Window, Shape),
    /// From the least value to the largest.
    Whole,
}

/// How one image's stored numbers become brightness.
pub(super) struct Tones {
    padding: Option<RangeInclusive<i32>>,
    modality: Modality,
    voi: Voi,
    inverted: bool,
}

impl Tones {
    /// Reads how a grey image is to be shown; `window` takes the place of its own table or window.
    ///
    /// # Errors
    /// An attribute is broken, or asks for what this reader does not do.
    pub(super) fn read(
        data: &DataSet<'_>,
        layout: &Layout,
        window: Option<Window>,
        inverted: bool,
    ) -> Result<Self, ImageFault> {
        presentation(data, inverted)?;
        let places = places(data);
        let modality = modality(&places, layout)?;
        let negative = match modality {
            Modality::Rescale { intercept, .. } => layout.signed || intercept < 0.0,
            Modality::Table(_) => false,
        };
        let voi = match window {
            Some(window) => Voi::Window(window.check()?, Shape::Linear),
            None => voi(&places, negative)?,
        };
        Ok(Self { padding: padding(data, layout)?, modality, voi, inverted })
    }

    /// The brightness of each stored number, 0 to 1.
    ///
    /// # Errors
    /// The image has no table and no window, and shows one value everywhere.
    pub(super) fn apply(&self, stored: Vec<i32>, layout: &Layout) -> Result<Vec<f32>, ImageFault> {
        let whole = match &self.voi {
            Voi::Whole => self.whole(&stored, layout)?,
            _ => Window { centre: 0.0, width: 1.0 },
        };
        let shade = |raw: i32| {
            let value = self.modality.measured(raw);
            let brightness = match &self.voi {
                #[allow(clippy::cast_possible_truncation, reason = "brightness is f32")]
                Voi::Table(table) => (table.at(value) / table.largest) as f32,
                Voi::Window(window, shape) => window.brightness(*shape, value),
                Voi::Whole => whole.brightness(Shape::LinearExact, value),
            };
            if self.inverted { 1.0 - brightness } else { brightness }
        };
        Ok(stored
            .into_iter()
            .map(|raw| if self.is_padding(raw) { 0.0 } else { shade(raw) })
            .collect())
    }

    fn is_padding(&self, raw: i32) -> bool {
        self.padding.as_ref().is_some_and(|range| range.contains(&raw))
    }

    /// The window of an image that has none: the whole range of 8 bits, as in PNG and JPEG, or else from the
    /// lowest value that occurs to the highest.
    fn whole(&self, stored: &[i32], layout: &Layout) -> Result<Window, ImageFault> {
        let plain = matches!(self.modality, Modality::Rescale { slope: None, .. });
        let mut low = 0.0;
        let mut high = f64::from(u8::MAX >> 8_u16.saturating_sub(layout.stored));
        if !(plain && layout.stored <= 8 && !layout.signed) {
            low = f64::INFINITY;
            high = f64::NEG_INFINITY;
            for raw in stored.iter().filter(|raw| !self.is_padding(**raw)) {
                let value = self.modality.measured(*raw);
                low = low.min(value);
                high = high.max(value);
            }
        }
        let width = high - low;
        if width.is_finite() && width > 0.0 {
            Ok(Window { centre: low + width / 2.0, width })
        } else {
            Err(ImageFault::Blank)
        }
    }
}

impl Modality {
    fn measured(&self, raw: i32) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => f64::from(raw) * slope.unwrap_or(1.0) + intercept,
            Self::Table(table) => table.at(f64::from(raw)),
        }
    }
}

/// Where attributes may stand: the image itself, then what an enhanced image says of all its frames, then
/// what it says of its one frame.
fn places<'d, 'a>(data: &'d DataSet<'a>) -> Vec<&'d DataSet<'a>> {
    let mut places = vec![data];
    for groups in [tags::SHARED_GROUPS, tags::FRAME_GROUPS] {
        for group in data.items(groups).iter().take(1) {
            places.extend(group.items(tags::FRAME_RESCALE));
            places.extend(group.items(tags::FRAME_VOI));
        }
    }
    places
}

fn number(places: &[&DataSet<'_>], tag: Tag) -> Result<Option<f64>, DicomFault> {
    places
        .iter()
        .map(|place| place.number(tag))
        .find(|found| !matches!(found, Ok(None)))
        .unwrap_or(Ok(None))
}

fn table(
    places: &[&DataSet<'_>],
    tag: Tag,
    negative: bool,
) -> Result<Option<LookupTable>, DicomFault> {
    let item = places.iter().find_map(|place| place.items(tag).first());
    item.map(|item| LookupTable::read(item, negative)).transpose()
}

fn modality(places: &[&DataSet<'_>], layout: &Layout) -> Result<Modality, ImageFault> {
    if let Some(table) = table(places, tags::MODALITY_LUT, layout.signed)? {
        return Ok(Modality::Table(table));
    }
    let slope = number(places, tags::SLOPE)?;
    let intercept = number(places, tags::INTERCEPT)?.unwrap_or_default();
    Ok(Modality::Rescale { slope, intercept })
}

/// A table goes before a window, as PS3.3 leaves to the viewer and pydicom does.
fn voi(places: &[&DataSet<'_>], negative: bool) -> Result<Voi, ImageFault> {
    if let Some(table) = table(places, tags::VOI_LUT, negative)? {
        return Ok(Voi::Table(table));
    }
    let centre = number(places, tags::WINDOW_CENTRE)?;
    let width = number(places, tags::WINDOW_WIDTH)?;
    let Some((centre, width)) = centre.zip(width) else { return Ok(Voi::Whole) };
    let named = places.iter().find_map(|place| place.text(tags::VOI_FUNCTION).transpose());
    let shape = match named.transpose()? {
        None => Shape::Linear,
        Some(name) => Shape::named(name).ok_or(DicomFault::Value {
            tag: tags::VOI_FUNCTION,
            what: "is none of LINEAR, LINEAR_EXACT and SIGMOID",
        })?,
    };
    Ok(Voi::Window(Window { centre, width }.check_for(shape)?, shape))
}

/// Stored numbers that stand for no pixel, such as the corners around a round field of view.
fn padding(data: &DataSet<'_>, layout: &Layout) -> Result<Option<RangeInclusive<i32>>, DicomFault> {
    let signed =
        |raw: u16| if layout.signed { i32::from(raw.cast_signed()) } else { i32::from(raw) };
    let Some(value) = data.small(tags::PADDING)?.map(signed) else { return Ok(None) };
    let limit = data.small(tags::PADDING_LIMIT)?.map_or(value, signed);
    Ok(Some(value.min(limit)..=value.max(limit)))
}

/// INVERSE says again what MONOCHROME1 says. A table, or a contradiction, is refused.
fn presentation(data: &DataSet<'_>, inverted: bool) -> Result<(), DicomFault> {
    if !data.items(tags::PRESENTATION_LUT).is_empty() {
        let what = "is not applied here";
        return Err(DicomFault::Value { tag: tags::PRESENTATION_LUT, what });
    }
    let fits = match data.text(tags::PRESENTATION_SHAPE)? {
        None => true,
        Some("IDENTITY") => !inverted,
        Some("INVERSE") => inverted,
        Some(_) => false,
    };
    let what = "does not agree with PhotometricInterpretation";
    if fits { Ok(()) } else { Err(DicomFault::Value { tag: tags::PRESENTATION_SHAPE, what }) }
}

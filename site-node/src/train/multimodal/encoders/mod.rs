//! What makes a vector of what a patient brings to an encoder, forward and backward.
//!
//! A kind of encoder is a file here, which has its formulas, and a line in the table below.

mod codes;
mod dated_codes;
mod gru;
mod stack;

use std::ops::Range;

use plan::model::{EncoderKind, ParamLayout};

use super::part::{Part, Visit};
use crate::examples::Modality;
use codes::CodeBag;
use gru::Gru;
pub(super) use stack::{Block, Stack};

/// Where encoders of convolutions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// Here, in the patient's pass.
    Here,
    /// On a device, which is handed ∂L/∂h and hands over h and the gradient.
    Device,
}

/// One kind of encoder of a checked specification: where its parameters lie, and what it computes of one patient.
///
/// What it leaves in its space is read for the same patient alone, and never before it was written.
trait Encode {
    /// The parameters as the loops read them, for one step.
    type Loaded;
    /// Room for one patient.
    type Space;

    /// Reads its part of the flat vector.
    fn load(&self, parameters: &[f32]) -> Self::Loaded;

    /// Room for one patient.
    fn space(&self) -> Self::Space;

    /// Writes h of a patient who has the modality.
    fn forward(&self, with: With<'_, Self>, brought: Brought<'_>, h: &mut [f32]);

    /// Writes the parameters' gradient to the space, from ∂L/∂h and what [`Encode::forward`] left there.
    fn backward(&self, with: With<'_, Self>, slope: &[f32]);

    /// The parameters' gradient that [`Encode::backward`] wrote.
    fn visit(&self, space: &Self::Space, visit: &mut impl Visit);
}

/// What a pass of an encoder works with.
struct With<'a, E: Encode + ?Sized> {
    /// The flat vector.
    parameters: &'a [f32],
    loaded: &'a E::Loaded,
    space: &'a mut E::Space,
}

/// What one patient brings.
#[derive(Clone, Copy)]
pub(super) struct Brought<'a> {
    pub(super) modality: &'a Modality,
    pub(super) patient: usize,
}

/// The table of encoders: the kind of the specification, and what computes it.
macro_rules! encoders {
    ($($kind:ident $(| $more:ident)* => $encode:ident),+ $(,)?) => {
        #[derive(Debug)]
        enum Any { $($encode($encode)),+ }

        #[derive(Debug)]
        enum AnyLoaded { $($encode(<$encode as Encode>::Loaded)),+ }

        #[derive(Debug)]
        enum AnySpace { $($encode(Box<<$encode as Encode>::Space>)),+ }

        impl Any {
            fn new(encoder: &plan::model::Encoder, layout: &ParamLayout) -> Self {
                match encoder.kind {
                    $(EncoderKind::$kind(_) $(| EncoderKind::$more(_))* => {
                        Self::$encode($encode::new(encoder, layout))
                    })+
                }
            }

            fn load(&self, parameters: &[f32]) -> AnyLoaded {
                match self {
                    $(Self::$encode(encoder) => AnyLoaded::$encode(encoder.load(parameters))),+
                }
            }

            fn space(&self) -> AnySpace {
                match self {
                    $(Self::$encode(encoder) => AnySpace::$encode(Box::new(encoder.space()))),+
                }
            }

            fn forward(
                &self,
                parameters: &[f32],
                loaded: &AnyLoaded,
                space: &mut AnySpace,
                brought: Brought<'_>,
                h: &mut [f32],
            ) {
                match (self, loaded, space) {
                    $((Self::$encode(encoder), AnyLoaded::$encode(loaded), AnySpace::$encode(space)) => {
                        encoder.forward(With { parameters, loaded, space }, brought, h);
                    })+
                    // Never the numbers of another patient.
                    _ => h.fill(0.0),
                }
            }

            fn backward(
                &self,
                parameters: &[f32],
                loaded: &AnyLoaded,
                space: &mut AnySpace,
                slope: &[f32],
            ) {
                match (self, loaded, space) {
                    $((Self::$encode(encoder), AnyLoaded::$encode(loaded), AnySpace::$encode(space)) => {
                        encoder.backward(With { parameters, loaded, space }, slope);
                    })+
                    _ => debug_assert!(false, "an encoder meets the space of another kind"),
                }
            }

            fn visit(&self, space: &AnySpace, visit: &mut impl Visit) {
                match (self, space) {
                    $((Self::$encode(encoder), AnySpace::$encode(space)) => {
                        encoder.visit(space, visit);
                    })+
                    _ => debug_assert!(false, "an encoder meets the space of another kind"),
                }
            }
        }
    };
}

encoders! {
    Codes => CodeBag,
    Gru => Gru,
    Ecg | Image => Stack,
}

/// An encoder of a checked specification.
#[derive(Debug)]
pub(super) struct Encoder {
    any: Any,
    /// Whether its parameters stay as they are.
    pub(super) frozen: bool,
}

/// An encoder's parameters as its loops read them; none where it is computed elsewhere.
#[derive(Debug)]
pub(super) struct Loaded(Option<AnyLoaded>);

/// Room for one patient.
#[derive(Debug)]
pub(super) struct Space(Room);

#[derive(Debug)]
enum Room {
    /// Of an encoder that is computed here.
    Here(AnySpace),
    /// The parameters' gradient that a device computed, where it is each patient's own.
    Device(Vec<f32>),
}

impl Space {
    /// Takes the gradient of an encoder that is computed elsewhere.
    pub(super) fn put_gradient(&mut self, values: &[f32]) {
        if let Room::Device(gradient) = &mut self.0 {
            gradient.clear();
            gradient.extend_from_slice(values);
        }
    }
}

impl Encoder {
    pub(super) fn new(encoder: &plan::model::Encoder, layout: &ParamLayout) -> Self {
        Self { any: Any::new(encoder, layout), frozen: encoder.frozen }
    }

    /// Its convolutions, which a device may compute.
    pub(super) fn stack(&self) -> Option<&Stack> {
        match &self.any {
            Any::Stack(stack) => Some(stack),
            _ => None,
        }
    }

    fn is_here(&self, convolutions: Where) -> bool {
        convolutions == Where::Here || self.stack().is_none()
    }

    /// Reads its part of the flat vector.
    pub(super) fn load(&self, parameters: &[f32], convolutions: Where) -> Loaded {
        Loaded(self.is_here(convolutions).then(|| self.any.load(parameters)))
    }

    /// Room for one patient.
    pub(super) fn space(&self, convolutions: Where) -> Space {
        if self.is_here(convolutions) {
            Space(Room::Here(self.any.space()))
        } else {
            Space(Room::Device(Vec::new()))
        }
    }

    /// Writes h of a patient who has the modality, if it is computed here.
    pub(super) fn forward(
        &self,
        parameters: &[f32],
        loaded: &Loaded,
        space: &mut Space,
        brought: Brought<'_>,
        h: &mut [f32],
    ) {
        if let (Some(loaded), Room::Here(space)) = (&loaded.0, &mut space.0) {
            self.any.forward(parameters, loaded, space, brought, h);
        }
    }

    /// From ∂L/∂h, after [`Encoder::forward`] of the same patient, if it is computed here.
    pub(super) fn backward(
        &self,
        parameters: &[f32],
        loaded: &Loaded,
        space: &mut Space,
        slope: &[f32],
    ) {
        if let (Some(loaded), Room::Here(space)) = (&loaded.0, &mut space.0) {
            self.any.backward(parameters, loaded, space, slope);
        }
    }

    /// The patient's gradient, which [`Encoder::backward`] or a device left in the space.
    pub(super) fn visit(&self, space: &Space, visit: &mut impl Visit) {
        match (&space.0, self.stack()) {
            (Room::Here(space), _) => self.any.visit(space, visit),
            (Room::Device(gradient), Some(stack)) => {
                visit.part(Part::plain(stack.range.start, gradient));
            }
            (Room::Device(_), None) => {}
        }
    }
}

/// Where a block of an encoder's parameters lies.
fn block(layout: &ParamLayout, encoder: &plan::model::Encoder, name: &str) -> Range<usize> {
    let name = format!("encoder.{}.{name}", encoder.view);
    layout.block(&name).map_or(0..0, |block| block.range.clone())
}

//! The attributes that are read, by the names of DICOM PS3.6.

use std::fmt;

/// Group and element number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u16, pub u16);

/// As in the standard: `Rows (0028,0010)`, without the name where this reader does not know it.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = NAMES.iter().find(|(tag, _)| tag == self);
        known.map_or(Ok(()), |(_, name)| write!(f, "{name} "))?;
        write!(f, "({:04X},{:04X})", self.0, self.1)
    }
}

macro_rules! tags {
    ($($constant:ident $name:literal $group:literal $element:literal)*) => {
        $(pub(in crate::data) const $constant: Tag = Tag($group, $element);)*
        const NAMES: &[(Tag, &str)] = &[$((Tag($group, $element), $name)),*];
    };
}

tags! {
    TRANSFER_SYNTAX "TransferSyntaxUID" 0x0002 0x0010
    CODE_VALUE "CodeValue" 0x0008 0x0100
    CODING_SCHEME "CodingSchemeDesignator" 0x0008 0x0102
    CODE_MEANING "CodeMeaning" 0x0008 0x0104
    SAMPLES_PER_PIXEL "SamplesPerPixel" 0x0028 0x0002
    PHOTOMETRIC "PhotometricInterpretation" 0x0028 0x0004
    PLANAR "PlanarConfiguration" 0x0028 0x0006
    FRAMES "NumberOfFrames" 0x0028 0x0008
    ROWS "Rows" 0x0028 0x0010
    COLUMNS "Columns" 0x0028 0x0011
    BITS_ALLOCATED "BitsAllocated" 0x0028 0x0100
    BITS_STORED "BitsStored" 0x0028 0x0101
    HIGH_BIT "HighBit" 0x0028 0x0102
    SIGNED "PixelRepresentation" 0x0028 0x0103
    PADDING "PixelPaddingValue" 0x0028 0x0120
    PADDING_LIMIT "PixelPaddingRangeLimit" 0x0028 0x0121
    WINDOW_CENTRE "WindowCenter" 0x0028 0x1050
    WINDOW_WIDTH "WindowWidth" 0x0028 0x1051
    INTERCEPT "RescaleIntercept" 0x0028 0x1052
    SLOPE "RescaleSlope" 0x0028 0x1053
    VOI_FUNCTION "VOILUTFunction" 0x0028 0x1056
    MODALITY_LUT "ModalityLUTSequence" 0x0028 0x3000
    LUT_DESCRIPTOR "LUTDescriptor" 0x0028 0x3002
    LUT_DATA "LUTData" 0x0028 0x3006
    VOI_LUT "VOILUTSequence" 0x0028 0x3010
    FRAME_VOI "FrameVOILUTSequence" 0x0028 0x9132
    FRAME_RESCALE "PixelValueTransformationSequence" 0x0028 0x9145
    PRESENTATION_LUT "PresentationLUTSequence" 0x2050 0x0010
    PRESENTATION_SHAPE "PresentationLUTShape" 0x2050 0x0020
    SHARED_GROUPS "SharedFunctionalGroupsSequence" 0x5200 0x9229
    FRAME_GROUPS "PerFrameFunctionalGroupsSequence" 0x5200 0x9230
    ORIGINALITY "WaveformOriginality" 0x003A 0x0004
    CHANNELS "NumberOfWaveformChannels" 0x003A 0x0005
    SAMPLES "NumberOfWaveformSamples" 0x003A 0x0010
    RATE "SamplingFrequency" 0x003A 0x001A
    CHANNEL_DEFINITIONS "ChannelDefinitionSequence" 0x003A 0x0200
    CHANNEL_SOURCE "ChannelSourceSequence" 0x003A 0x0208
    SENSITIVITY "ChannelSensitivity" 0x003A 0x0210
    SENSITIVITY_UNITS "ChannelSensitivityUnitsSequence" 0x003A 0x0211
    CORRECTION "ChannelSensitivityCorrectionFactor" 0x003A 0x0212
    BASELINE "ChannelBaseline" 0x003A 0x0213
    WAVEFORMS "WaveformSequence" 0x5400 0x0100
    WAVEFORM_BITS "WaveformBitsAllocated" 0x5400 0x1004
    WAVEFORM_KIND "WaveformSampleInterpretation" 0x5400 0x1006
    WAVEFORM_PADDING "WaveformPaddingValue" 0x5400 0x100A
    WAVEFORM_DATA "WaveformData" 0x5400 0x1010
    FLOAT_PIXELS "FloatPixelData" 0x7FE0 0x0008
    DOUBLE_PIXELS "DoubleFloatPixelData" 0x7FE0 0x0009
    PIXEL_DATA "PixelData" 0x7FE0 0x0010
}

/// Sequences among them: where the file names no types, a sequence of known length looks like
/// any other value.
pub(super) const SEQUENCES: [Tag; 11] = [
    MODALITY_LUT,
    VOI_LUT,
    FRAME_VOI,
    FRAME_RESCALE,
    PRESENTATION_LUT,
    SHARED_GROUPS,
    FRAME_GROUPS,
    CHANNEL_DEFINITIONS,
    CHANNEL_SOURCE,
    SENSITIVITY_UNITS,
    WAVEFORMS,
];

pub(super) const ITEM: Tag = Tag(0xFFFE, 0xE000);
pub(super) const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
pub(super) const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

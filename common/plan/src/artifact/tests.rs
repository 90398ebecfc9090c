//! Bytes that are known, and bytes that nobody should trust.

use super::*;
use crate::model::payload;
use crate::model::{Head, ModelSpec, ParamLayout};
use base::digest::Digest;

/// Two inputs, three intervals: `dense.0.weight` `[2, 3]` and `dense.0.bias` `[3]`.
fn spec() -> ModelSpec {
    ModelSpec {
        inputs: 2,
        hidden: vec![],
        fusion: None,
        head: Head::LogisticHazard { intervals: 3, proportional: false },
        initial_hazard_ppm: 20_000,
    }
}

fn layout() -> ParamLayout {
    ParamLayout::of(&spec())
}

const WORDS: [f32; 9] = [0.5, -1.25, 0.0, -0.0, f32::MIN_POSITIVE, f32::MAX, 1.0, 2.0, 3.0];
const GOOD: [&str; 2] = [
    r#""dense.0.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#,
    r#""dense.0.bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}"#,
];

/// A file with this header over these words.
fn file(header: &str, parameters: &[f32]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(payload::from_parameters(parameters));
    bytes
}

fn refused(tensors: &[&str]) -> WeightsError {
    read(&layout(), &file(&format!("{{{}}}", tensors.join(",")), &WORDS)).unwrap_err()
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().map(|word| word.to_bits()).eq(b.iter().map(|word| word.to_bits()))
}

#[test]
fn a_model_of_two_numbers_is_these_bytes() {
    let spec = ModelSpec { hidden: vec![], head: Head::Cox, ..spec() };
    let plan = "ab".repeat(32);
    let digest = spec.digest();
    let json = format!(
        r#"{{"__metadata__":{{"consilium":"1","plan":"{plan}","spec":"{digest}"}},"dense.0.weight":{{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}}}"#
    );
    // 8 bytes of length, the text, spaces up to a multiple of 8, then the words: 0.5 and -1.25.
    assert_eq!(json.len(), 250);
    let mut golden = vec![0x00, 0x01, 0, 0, 0, 0, 0, 0];
    golden.extend(json.as_bytes());
    golden.extend(b"      ");
    golden.extend([0x00, 0x00, 0x00, 0x3f, 0x00, 0x00, 0xa0, 0xbf]);
    let mut written = header(&spec, Digest::from_bytes([0xab; 32]));
    written.extend(payload::from_parameters(&[0.5, -1.25]));
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&golden));
    assert_eq!(written, golden);
    let back = read(&ParamLayout::of(&spec), &golden).unwrap();
    assert_eq!(back.parameters, [0.5, -1.25]);
    assert_eq!(back.metadata["plan"], plan);
    assert_eq!(sha256(&[b"ab", b"c"]), audit::Sha256::of(b"abc"));
}

#[test]
fn tensors_in_any_order_come_back_bit_for_bit() {
    let mut bytes = header(&spec(), Digest::of(b"plan"));
    bytes.extend(payload::from_parameters(&WORDS));
    assert!(bytes.len() as u64 <= largest(&layout()));
    assert!(same_bits(&read(&layout(), &bytes).unwrap().parameters, &WORDS));
    // As other programs sort them: by name.
    let sorted = [
        r#"{"dense.0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"#,
        r#""dense.0.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[12,36]}}"#,
    ];
    let moved = [&WORDS[6..], &WORDS[..6]].concat();
    let read = read(&layout(), &file(&sorted.concat(), &moved)).unwrap();
    assert!(same_bits(&read.parameters, &WORDS) && read.metadata.is_empty());
}

#[test]
fn a_header_of_another_size_costs_nothing() {
    let most = super::header::longest(&layout());
    for found in [1_u64 << 63, u64::MAX, 100_000_000, most + 1] {
        let mut bytes = found.to_le_bytes().to_vec();
        bytes.extend([b' '; 64]);
        let error = read(&layout(), &bytes).unwrap_err();
        assert_eq!(error, WeightsError::HeaderLength { found, most });
    }
    let mut large = 100_000_000_u64.to_le_bytes().to_vec();
    large.resize(100_000_008, b' ');
    let error = read(&layout(), &large).unwrap_err();
    assert!(matches!(error, WeightsError::HeaderLength { .. }), "{error}");
    assert!(largest(&layout()) < 20_000);
    for short in [&b""[..], b"1234567", &64_u64.to_le_bytes()] {
        assert_eq!(read(&layout(), short).unwrap_err(), WeightsError::Truncated);
    }
}

#[test]
fn a_header_that_is_no_header_is_refused_with_the_place() {
    let whole = format!("{{{}}}", GOOD.join(","));
    for (header, told) in [
        (&whole[..whole.len() - 1], "EOF"),
        (&whole[..40], "EOF"),
        ("", "EOF"),
        ("[]", "an object of tensors"),
        (&"[".repeat(5000), "an object of tensors"),
        (&format!("{{\"a\":{}", "{\"a\":".repeat(1000)), "unknown field"),
        (&format!("{{\"a\":{{\"shape\":{}", "[".repeat(1000)), "tensor \"a\""),
        (r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[-4,24]}}"#, "integer `-4`"),
        (r#"{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,24]}}"#, "tensor \"a\""),
        (r#"{"a":{"dtype":"F32","shape":[1e99],"data_offsets":[0,24]}}"#, "tensor \"a\""),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"shape":[3],"data_offsets":[0,8]}}"#,
            "duplicate field",
        ),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}"#, "unknown field"),
        (r#"{"__metadata__":{"a":1}}"#, "expected a string"),
        ("{\"\u{0}", "control character"),
    ] {
        let error = read(&layout(), &file(header, &WORDS)).unwrap_err();
        let WeightsError::Header { why } = &error else { panic!("{header:.60}: {error}") };
        assert!(why.contains(told) && why.len() <= 800, "{header:.60}: {why}");
    }
}

#[test]
fn every_wrong_tensor_is_named() {
    let [weight, bias] = GOOD;
    let name = |name: &str| name.to_owned();
    let tensor = || name("dense.0.bias");
    let bias_is = |shape: &str, offsets: &str| {
        let bias =
            format!(r#""dense.0.bias":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#);
        refused(&[weight, &bias])
    };
    assert_eq!(refused(&[weight]), WeightsError::Missing { tensor: tensor() });
    assert_eq!(refused(&[weight, bias, bias]), WeightsError::Twice { tensor: tensor() });
    let other = r#""dense.1.weight":{"dtype":"F32","shape":[3,3],"data_offsets":[36,72]}"#;
    assert_eq!(
        refused(&[weight, bias, other]),
        WeightsError::Unknown { tensor: name("dense.1.weight") }
    );
    let half = bias.replace("F32", "F16");
    assert_eq!(
        refused(&[weight, &half]),
        WeightsError::Type { tensor: tensor(), found: name("F16") }
    );
    let shape = |found: &[u64]| WeightsError::Shape {
        tensor: tensor(),
        found: found.to_vec(),
        expected: vec![3],
    };
    assert_eq!(bias_is("[4]", "[24,40]"), shape(&[4]));
    assert_eq!(bias_is("[]", "[24,36]"), shape(&[]));
    assert_eq!(bias_is("[3,1]", "[24,36]"), shape(&[3, 1]));
    let most = u64::MAX;
    let vast = format!("[{most},{most}]");
    assert_eq!(bias_is(&vast, "[24,36]"), shape(&[most, most]));
    for (offsets, start, end) in
        [("[36,24]", 36, 24), ("[24,40]", 24, 40), ("[0,18446744073709551615]", 0, most)]
    {
        let place = WeightsError::Place { tensor: tensor(), start, end, expected: 12 };
        assert_eq!(bias_is("[3]", offsets), place);
    }
    assert_eq!(bias_is("[3]", "[20,32]"), WeightsError::Overlap { tensor: tensor() });
    assert_eq!(bias_is("[3]", "[28,40]"), WeightsError::Gap { tensor: tensor() });
    let far = format!("[{},{most}]", most - 12);
    assert_eq!(bias_is("[3]", &far), WeightsError::Gap { tensor: tensor() });
}

#[test]
fn missing_surplus_and_infinite_numbers_are_refused() {
    let header = format!("{{{}}}", GOOD.join(","));
    for words in [&WORDS[..8], &[WORDS.as_slice(), &[1.0]].concat()] {
        let error = read(&layout(), &file(&header, words)).unwrap_err();
        let found = words.len() as u64 * 4;
        assert_eq!(error, WeightsError::Size { found, expected: 36 });
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut words = WORDS;
        words[7] = bad;
        let error = read(&layout(), &file(&header, &words)).unwrap_err();
        let tensor = "dense.0.bias".to_owned();
        assert_eq!(error, WeightsError::NotFinite { tensor, index: 1 });
    }
}

#[test]
fn the_weights_of_another_model_are_refused_by_the_first_tensor() {
    let others = [
        (ModelSpec { inputs: 3, ..spec() }, "dense.0.weight"),
        (ModelSpec { hidden: vec![4], ..spec() }, "dense.0.weight"),
        (
            ModelSpec { head: Head::LogisticHazard { intervals: 3, proportional: true }, ..spec() },
            "dense.0.weight",
        ),
        (ModelSpec { head: Head::Cox, ..spec() }, "dense.0.weight"),
    ];
    for (other, tensor) in others {
        let mut bytes = header(&other, Digest::of(b"plan"));
        bytes.resize(bytes.len() + ParamLayout::of(&other).len() * 4, 0);
        let error = read(&layout(), &bytes).unwrap_err().to_string();
        assert!(error.contains(tensor) && error.contains("specification"), "{error}");
    }
}

#[test]
fn no_damage_makes_the_reader_panic_or_return_another_size() {
    let mut good = header(&spec(), Digest::of(b"plan"));
    good.extend(payload::from_parameters(&WORDS));
    for end in 0..good.len() {
        assert!(read(&layout(), &good[..end]).is_err(), "the first {end} bytes");
    }
    for place in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << bit;
            if let Ok(found) = read(&layout(), &bytes) {
                assert_eq!(found.parameters.len(), WORDS.len(), "byte {place}, bit {bit}");
            }
        }
    }
}

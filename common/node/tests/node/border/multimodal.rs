//! Models of several modalities: their file, their bytes, their identity, and what no site builds.

use base::codec::{decode, encode};
use base::config;
use plan::experiment::{Draft, Experiment, Part, Plan};
use plan::model::{
    Block, CodeBag, Ecg, Encoder, EncoderKind, Fusion, Gru, Image, InvalidModel, ModelKind,
    ModelSpec, Pool,
};

use crate::border::golden::{every_variant, golden, variants};
use crate::border::sample::{FILE, read};

variants!(EncoderKind: Codes, Ecg, Image, Gru);
variants!(Pool: Mean, Max);

const VIEWS: &str = r#"
[features.views.heart]
kind = "ecg"
rate_hz = 100
seconds = 10

[features.views.xray]
kind = "image"
pixels = [64, 48]

[features.views.history]
kind = "codes"
table = "diagnoses"
system = "icd10"
vocabulary = ["I21*", "I50"]
window = 3650
"#;

const MODEL: &str = r"
[model.fusion]
width = 24
hidden = [12]
modality_dropout = 0.25

[model.encoders.heart]
channels = [16, 16, 32]
strides = [4, 1, 2]
dilations = [1, 8, 1]
residual = [0, 1, 0]

[model.encoders.xray]
channels = [8, 8]
kernel = 5
frozen = true

[model.encoders.history]
width = 6
";

fn file() -> String {
    let text = FILE.replace("\n[features.scale]", &format!("\n{VIEWS}\n[features.scale]"));
    let text = text.replace("kind = \"mlp\"", "kind = \"multimodal\"");
    text.replace("\n[training]", &format!("\n{MODEL}\n[training]"))
}

fn seen() -> Plan {
    read(&file()).unwrap_or_else(|error| panic!("{error}")).plan
}

fn block(channels: u32, stride: u32) -> Block {
    Block { channels, kernel: 7, stride, dilation: 1, residual: false }
}

#[test]
fn a_file_says_what_each_view_is_encoded_by() {
    let plan = seen();
    // What an encoder reads is no input of the tables' layers.
    assert_eq!(plan.input_names(), ["age", "sex"]);
    assert_eq!((plan.model.inputs, plan.model.kind()), (2, ModelKind::Multimodal));
    let dilated = Block { channels: 16, kernel: 7, stride: 1, dilation: 8, residual: true };
    let scan = Block { channels: 8, kernel: 5, stride: 2, dilation: 1, residual: false };
    let encoder = |view: &str, kind, frozen| Encoder {
        view: view.to_owned(),
        kind,
        frozen,
        pool: Pool::Mean,
    };
    let heart = vec![block(16, 4), dilated, block(32, 2)];
    let xray = vec![scan, scan];
    let fusion = plan.model.fusion.as_ref().unwrap();
    let history = EncoderKind::Codes(CodeBag { vocabulary: 2, width: 6 });
    let mut encoders = fusion.encoders.clone();
    encoders.sort_by(|a, b| a.view.cmp(&b.view));
    assert_eq!(
        encoders,
        [
            encoder("heart", EncoderKind::Ecg(Ecg { samples: 1000, blocks: heart }), false),
            encoder("history", history, false),
            encoder(
                "xray",
                EncoderKind::Image(Image { width: 64, height: 48, blocks: xray }),
                true
            ),
        ]
    );
    assert_eq!((fusion.width, fusion.dropout_ppm), (24, 250_000));
    assert_eq!((plan.model.hidden.as_slice(), fusion.hidden.as_slice()), (&[16][..], &[12][..]));
    assert!(plan.unread_views().is_empty());
    let parts = plan.parts();
    let (names, parts): (Vec<&str>, Vec<&Part>) =
        parts.iter().map(|(name, part)| (name.as_str(), part)).unzip();
    assert_eq!(names[..3], ["age", "sex", "tables"]);
    assert_eq!(parts[..3], [&Part::Inputs(0..1), &Part::Inputs(1..2), &Part::Inputs(0..2)]);
    for (place, encoder) in fusion.encoders.iter().enumerate() {
        assert_eq!((names[3 + place], parts[3 + place]), (&*encoder.view, &Part::Modality(place)));
    }
}

#[test]
fn codes_can_be_read_in_their_order() {
    let gru = |keys: &str| {
        let plan =
            read(&file().replace("width = 6", keys)).unwrap_or_else(|error| panic!("{error}"));
        plan.plan.encoder("history").unwrap().kind.clone()
    };
    let kind = |embedding, width| EncoderKind::Gru(Gru { vocabulary: 2, embedding, width });
    assert_eq!(gru("kind = \"gru\"\nwidth = 6\nembedding = 4"), kind(4, 6));
    assert_eq!(gru("kind = \"gru\"\nwidth = 6"), kind(6, 6));
    assert_eq!(gru("kind = \"gru\""), kind(16, 16));
    assert_eq!(gru("kind = \"bag\""), EncoderKind::Codes(CodeBag { vocabulary: 2, width: 16 }));
}

#[test]
fn what_is_left_out_has_a_default() {
    let start = file().find("[model.fusion]").unwrap();
    let end = file().find("[training]").unwrap();
    let least = "[model.fusion]\n[model.encoders.heart]\n[model.encoders.xray]\n";
    let text = format!("{}{least}{}", &file()[..start], &file()[end..]);
    let plan = read(&text).unwrap_or_else(|error| panic!("{error}")).plan;
    let fusion = plan.model.fusion.clone().unwrap();
    assert_eq!((fusion.width, fusion.hidden, fusion.dropout_ppm), (32, vec![32], 100_000));
    // Without an encoder, codes are inputs.
    assert_eq!(plan.model.inputs, 4);
    let blocks = |view: &str| plan.encoder(view).unwrap().convolutions().2.to_vec();
    let channels: Vec<_> = blocks("heart").iter().map(|block| block.channels).collect();
    assert_eq!(channels, [32, 32, 64, 64, 64]);
    assert!(blocks("xray").iter().all(|block| (block.kernel, block.stride) == (3, 2)));
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    for (old, new, key, what) in [
        ("[model.encoders.heart]", "[model.encoders.hart]", "encoders.hart", "mean \"heart\"?"),
        ("width = 6", "channels = [6]", "history.channels", "of kind \"bag\""),
        ("width = 6", "pool = \"max\"", "history.pool", "has only a width"),
        ("width = 6", "embedding = 6", "history.embedding", "kind = \"gru\""),
        ("width = 6", "kind = \"gru\"\nkernel = 3", "history.kernel", "of kind \"gru\""),
        ("kernel = 5", "kind = \"gru\"\nkernel = 5", "xray.kind", "expected \"convolutions\""),
        ("width = 6", "kernel = 3\nchannels = [3]", "history:", "channels, kernel: not keys"),
        ("width = 6", "width = 0", "encoders.history:", "0 numbers in an embedding"),
        (
            "window = 3650",
            "window = 3650\nvalues = \"log-count\"",
            "model.encoders",
            "no encoder reads",
        ),
        ("width = 6", "kind = \"gur\"", "history.kind", "one of \"bag\", \"gru\""),
        ("width = 6", "kind = \"convolutions\"", "history.kind", "expected \"bag\" or \"gru\""),
        (
            "width = 6",
            "kind = \"gru\"\nembedding = 4\nwidth = 0",
            "model.encoders",
            "0 numbers in a recurrent state",
        ),
        ("kernel = 5", "width = 5", "xray.width", "give channels"),
        (
            "channels = [8, 8]\nkernel = 5",
            "kind = \"gru\"",
            "xray.kind",
            "expected \"convolutions\"",
        ),
        ("kernel = 5", "kernel = 4", "model.encoders", "use an odd number up to 63"),
        ("strides = [4, 1, 2]", "strides = [4, 1]", "heart.strides", "2 numbers for 3"),
        ("strides = [4, 1, 2]", "strides = [4, 2, 2]", "model.encoders", "with a stride"),
        ("residual = [0, 1, 0]", "residual = [0, 2, 0]", "heart.residual", "neither 0 nor 1"),
        ("residual = [0, 1, 0]", "residual = [0, 0, 1]", "model.encoders", "keep the channels"),
        ("channels = [8, 8]", "channels = []", "model.encoders", "convolutions of an encoder"),
        ("channels = [8, 8]", "channels = [8, 2000]", "model.encoders", "use 1 to 1024"),
        ("modality_dropout = 0.25", "modality_dropout = 1", "fusion.modality_dropout", "0 to 0.9"),
        ("hidden = [12]", "hidden = [0]", "model.hidden", "a hidden layer is 0"),
        ("width = 24", "width = 0", "model.fusion:", "a fused vector of 0 numbers"),
        ("hidden = [16]\n", "", "model.hidden", "a fusion needs both or neither"),
        ("pixels = [64, 48]", "pixels = [4096, 4096]", "model.encoders", "too much work"),
        ("\n[model.encoders.xray]", "\n[model.encoders.age]", "encoders.age", "no view"),
        ("kind = \"multimodal\"", "kind = \"mlp\"", "model.fusion", "unknown key"),
    ] {
        let text = file();
        assert!(text.contains(old), "{old}");
        let error = read(&text.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(what), "{new:?}: {error}");
    }
    let forgotten =
        file().replace("[model.encoders.xray]\nchannels = [8, 8]\nkernel = 5\nfrozen = true\n", "");
    let error = read(&forgotten).unwrap_err().to_string();
    assert!(error.contains("\"xray\": the model has no encoder for it"), "{error}");
    // Data may be checked against it all the same.
    let draft: Draft = config::read("x", &forgotten).unwrap();
    assert_eq!(draft.0.plan.unread_views().len(), 1);
}

/// What a peer says is checked again: sizes that are not those of the views.
#[test]
fn a_peers_encoders_fit_their_views() {
    let spoilt = |spoil: &dyn Fn(&mut Plan)| {
        let mut plan = seen();
        spoil(&mut plan);
        let plan_errors = plan.check();
        let found: Vec<_> = plan_errors.iter().map(ToString::to_string).collect();
        found.join("\n")
    };
    let encoder = |plan: &mut Plan, view: &str, change: &dyn Fn(&mut Encoder)| {
        let fusion = plan.model.fusion.as_mut().unwrap();
        change(fusion.encoders.iter_mut().find(|encoder| encoder.view == view).unwrap());
    };
    assert_eq!(spoilt(&|_| {}), "");
    let kind = |kind: EncoderKind| {
        move |encoder: &mut Encoder| {
            encoder.kind = kind.clone();
        }
    };
    let longer = EncoderKind::Ecg(Ecg { samples: 1001, blocks: vec![block(8, 1)] });
    let turned = EncoderKind::Image(Image { width: 48, height: 64, blocks: vec![block(8, 2)] });
    let larger = EncoderKind::Codes(CodeBag { vocabulary: 3, width: 4 });
    for (view, kind) in
        [("heart", kind(longer)), ("xray", kind(turned)), ("history", kind(larger.clone()))]
    {
        let found = spoilt(&|plan| encoder(plan, view, &kind));
        assert!(found.contains(&format!("encoder {view:?} does not fit its view")), "{found}");
    }
    let swapped = spoilt(&|plan| encoder(plan, "heart", &kind(larger.clone())));
    assert!(swapped.contains("does not fit its view"), "{swapped}");
    let stray = spoilt(&|plan| encoder(plan, "xray", &|encoder| encoder.view = "yray".to_owned()));
    assert!(stray.contains("\"yray\" is no view"), "{stray}");
    let twice = spoilt(&|plan| {
        let fusion = plan.model.fusion.as_mut().unwrap();
        fusion.encoders.push(fusion.encoders[0].clone());
    });
    assert!(twice.contains("has the name of another encoder"), "{twice}");
    let none = spoilt(&|plan| plan.model.fusion.as_mut().unwrap().encoders.clear());
    assert!(none.contains("0 encoders beside the tables'"), "{none}");
    let dropped = spoilt(&|plan| plan.model.fusion.as_mut().unwrap().dropout_ppm = 1_000_000);
    assert!(dropped.contains("modality dropout of 1000000"), "{dropped}");
}

/// Numbers that would overflow where they are multiplied end in a refusal.
#[test]
fn hostile_sizes_are_refused_without_a_panic() {
    let spec = seen().model;
    let most = u32::MAX;
    let hostile =
        Block { channels: most, kernel: most, stride: most, dilation: most, residual: true };
    let image = |blocks| EncoderKind::Image(Image { width: most, height: most, blocks });
    for kind in [
        EncoderKind::Codes(CodeBag { vocabulary: most, width: most }),
        EncoderKind::Gru(Gru { vocabulary: most, embedding: most, width: most }),
        EncoderKind::Gru(Gru { vocabulary: 2, embedding: 1025, width: 4 }),
        EncoderKind::Ecg(Ecg { samples: most, blocks: vec![hostile] }),
        image(vec![hostile]),
        image(vec![]),
        EncoderKind::Image(Image { width: 4096, height: 4096, blocks: vec![block(1024, 1); 33] }),
        EncoderKind::Ecg(Ecg { samples: 600_000, blocks: vec![block(1024, 1); 32] }),
    ] {
        let mut spec: ModelSpec = spec.clone();
        spec.fusion.as_mut().unwrap().encoders[0].kind = kind.clone();
        assert!(spec.check().is_err(), "{kind:?}");
        let _ = spec.parameters();
    }
    // Small outputs of many channels, each in a frame of the next one's zeros.
    let many = Block { channels: 1024, kernel: 1, stride: 1, dilation: 1, residual: false };
    let far = Block { channels: 1, kernel: 63, dilation: 1024, ..many };
    let mut framed = spec.clone();
    let blocks = [many, far].repeat(16);
    framed.fusion.as_mut().unwrap().encoders[0].kind = EncoderKind::Ecg(Ecg { samples: 1, blocks });
    assert!(matches!(framed.check(), Err(InvalidModel::Work { .. })), "{:?}", framed.check());
    let mut wide = spec.clone();
    wide.fusion.as_mut().unwrap().width = most;
    assert_eq!(wide.check(), Err(InvalidModel::FusedWidth(most)));
    let mut pooled = spec.clone();
    for encoder in &mut pooled.fusion.as_mut().unwrap().encoders {
        encoder.pool = Pool::Max;
    }
    assert_eq!(pooled.check(), Err(InvalidModel::Pool { view: "history".to_owned() }));
}

#[test]
fn every_part_of_a_fusion_is_part_of_the_models_identity() {
    let spec = seen().model;
    let history = |fusion: &mut Fusion, kind| {
        let encoder = fusion.encoders.iter_mut().find(|encoder| encoder.view == "history");
        encoder.unwrap().kind = EncoderKind::Gru(kind);
    };
    let gru = Gru { vocabulary: 2, embedding: 6, width: 6 };
    let changes: [&dyn Fn(&mut Fusion); 12] = [
        &|fusion| history(fusion, gru),
        &|fusion| history(fusion, Gru { embedding: 7, ..gru }),
        &|fusion| history(fusion, Gru { width: 7, ..gru }),
        &|fusion| fusion.width += 1,
        &|fusion| fusion.hidden.push(3),
        &|fusion| fusion.dropout_ppm += 1,
        &|fusion| fusion.encoders[0].frozen = !fusion.encoders[0].frozen,
        &|fusion| fusion.encoders[0].view.push('x'),
        &|fusion| fusion.encoders[0].pool = Pool::Max,
        &|fusion| fusion.encoders.swap(0, 1),
        &|fusion| fusion.encoders.truncate(1),
        &|fusion| {
            for encoder in &mut fusion.encoders {
                if let EncoderKind::Ecg(Ecg { blocks, .. }) = &mut encoder.kind {
                    blocks[1].dilation += 1;
                }
            }
        },
    ];
    let mut seen = vec![spec.digest()];
    for (place, change) in changes.iter().enumerate() {
        let mut other = spec.clone();
        change(other.fusion.as_mut().unwrap());
        assert!(!seen.contains(&other.digest()), "change {place}");
        seen.push(other.digest());
    }
    assert!(!seen.contains(&ModelSpec { fusion: None, ..spec }.digest()));
}

#[test]
fn a_fusion_has_these_bytes() {
    let small = Fusion {
        encoders: vec![
            Encoder {
                view: "drugs".to_owned(),
                kind: EncoderKind::Codes(CodeBag { vocabulary: 9, width: 4 }),
                frozen: false,
                pool: Pool::Mean,
            },
            Encoder {
                view: "ecg".to_owned(),
                kind: EncoderKind::Ecg(Ecg { samples: 1000, blocks: vec![block(8, 2)] }),
                frozen: true,
                pool: Pool::Max,
            },
        ],
        width: 5,
        hidden: vec![6],
        dropout_ppm: 1000,
    };
    golden(
        &small,
        "
        0200000000000000            # encoders: two
        0500000000000000 'drugs'    #   view
        00000000                    #   kind: codes
        09000000                    #     vocabulary
        04000000                    #     width
        00                          #   not frozen
        00000000                    #   pool: mean
        0300000000000000 'ecg'      #   view
        01000000                    #   kind: ecg
        e8030000                    #     samples
        0100000000000000            #     blocks: one
        08000000                    #       channels
        07000000                    #       kernel
        02000000                    #       stride
        01000000                    #       dilation
        00                          #       not residual
        01                          #   frozen
        01000000                    #   pool: max
        05000000                    # width
        0100000000000000            # hidden: one layer
        06000000                    #   of 6 units
        e8030000                    # dropout_ppm
        ",
    );
    let block = "08000000 07000000 02000000 01000000 00";
    every_variant(&[
        (EncoderKind::Codes(CodeBag { vocabulary: 1, width: 2 }), "00000000 01000000 02000000"),
        (
            EncoderKind::Ecg(Ecg { samples: 3, blocks: vec![self::block(8, 2)] }),
            &format!("01000000 03000000 0100000000000000 {block}"),
        ),
        (
            EncoderKind::Image(Image { width: 4, height: 5, blocks: vec![] }),
            "02000000 04000000 05000000 0000000000000000",
        ),
        (
            EncoderKind::Gru(Gru { vocabulary: 1, embedding: 2, width: 3 }),
            "03000000 01000000 02000000 03000000",
        ),
    ]);
    every_variant(&[(Pool::Mean, "00000000"), (Pool::Max, "01000000")]);
    let plan = seen();
    assert_eq!(decode::<Plan>(&encode(&plan)).unwrap(), plan);
    let _: Experiment = read(&file()).unwrap();
}

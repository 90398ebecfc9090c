//! The files, read back by readers that share nothing with the writers.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::super::ecg::EcgRate;
use super::super::image::ImageSize;
use super::*;

const PATIENTS: u32 = 150;

fn made(threads: usize, recipe: &Recipe) -> TempDir {
    let folder = TempDir::new().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| make(recipe.clone(), folder.path(), &|| ())).unwrap();
    folder
}

fn recipe() -> Recipe {
    Recipe::new(7, 6, PATIENTS).unwrap()
}

/// All files below a folder, with their bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().into(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A CSV file without quotes: its header and rows.
fn table(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
    (lines.next().unwrap(), lines.collect())
}

/// A WFDB record in format 16: lead names, and samples by lead in mV.
fn wfdb(header: &Path) -> (u32, Vec<(String, Vec<f64>)>) {
    let text = fs::read_to_string(header).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    assert_eq!(first[0], header.file_stem().unwrap().to_str().unwrap());
    let (leads, rate, samples): (usize, u32, usize) =
        (first[1].parse().unwrap(), first[2].parse().unwrap(), first[3].parse().unwrap());
    let bytes = fs::read(header.with_extension("dat")).unwrap();
    assert_eq!(bytes.len(), 2 * leads * samples);
    let signals = lines.enumerate().map(|(lead, line)| {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!((fields[1], fields[2], fields[4]), ("16", "1000(0)/mV", "0"));
        let values: Vec<i16> = (0..samples)
            .map(|time| 2 * (time * leads + lead))
            .map(|at| i16::from_le_bytes([bytes[at], bytes[at + 1]]))
            .collect();
        assert_eq!(fields[5].parse::<i16>().unwrap(), values[0]);
        let sum: i64 = values.iter().map(|&value| i64::from(value)).sum();
        assert_eq!((sum - fields[6].parse::<i64>().unwrap()).rem_euclid(65_536), 0);
        let volts = values.iter().map(|&value| f64::from(value) / 1000.0).collect();
        (fields[8].to_owned(), volts)
    });
    (rate, signals.collect())
}

#[test]
fn the_seed_alone_decides_every_byte() {
    let one = files(made(1, &recipe()).path());
    assert_eq!(one, files(made(3, &recipe()).path()));
    let other = files(made(2, &Recipe::new(8, 6, PATIENTS).unwrap()).path());
    for (path, bytes) in &one {
        if path.extension().is_some_and(|ending| ending != "toml") {
            assert_ne!(other.get(path), Some(bytes), "{}", path.display());
        }
    }
}

#[test]
fn every_hospital_has_its_tables() {
    let folder = made(2, &recipe());
    let (header, truth) = table(&folder.path().join("truth.csv"));
    assert_eq!(header[..3], ["patient", "site", "true_eta"]);
    assert_eq!(truth.len(), PATIENTS as usize);
    for (number, &size) in (1..).zip(recipe().sizes()) {
        let site = folder.path().join(format!("site-{number}"));
        let patients: Vec<&String> = truth
            .iter()
            .filter(|row| row[1] == format!("site-{number}"))
            .map(|row| &row[0])
            .collect();
        assert_eq!(patients.len(), size as usize);
        let mut dates = BTreeMap::new();
        for (name, columns) in [("ehr", 14), ("outcome", 3), ("split", 2)] {
            let (header, rows) = table(&site.join(format!("{name}.csv")));
            assert_eq!(header.len(), columns);
            assert!(rows.iter().all(|row| row.len() == columns));
            assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), patients);
            for row in rows {
                match name {
                    "ehr" => drop(dates.insert(row[0].clone(), row[1].clone())),
                    "outcome" => assert!(row[1].parse::<f64>().unwrap() > 0.0),
                    _ => assert!(["0", "1"].contains(&row[1].as_str())),
                }
            }
        }
        let (_, codes) = table(&site.join("codes.csv"));
        assert!(codes.len() >= patients.len());
        // ISO dates sort as text.
        assert!(codes.iter().all(|row| row[2] < dates[&row[0]]));
    }
}

/// Column 3 has another unit at odd sites: its spread over that of column 2, which shows about as
/// much of the same trait.
#[test]
fn odd_sites_report_another_unit() {
    let folder = made(2, &recipe());
    for number in 1..=6 {
        let site = folder.path().join(format!("site-{number}"));
        let (_, rows) = table(&site.join("ehr.csv"));
        let size = |column: usize| {
            let cells: Vec<f64> = rows.iter().filter_map(|row| row[column].parse().ok()).collect();
            (cells.iter().map(|x| x * x).sum::<f64>() / cells.len() as f64).sqrt()
        };
        let ratio = size(4) / size(3);
        let odd = number % 2 == 1;
        assert_eq!(ratio > 9.0, odd, "site {number}: {ratio}");
        let cohort = fs::read_to_string(site.join("cohort.toml")).unwrap();
        assert!(cohort.contains(if odd { "e3 = \"mg/dL\"" } else { "e3 = \"mmol/L\"" }));
    }
}

#[test]
fn ecgs_and_images_are_read_by_others() {
    let mut large = Recipe::new(7, 6, 30).unwrap();
    (large.ecg_rate, large.image_size) = (EcgRate::Hz500, ImageSize::Pixels128);
    for (recipe, rate, side) in [(recipe(), 100, 64), (large, 500, 128)] {
        let patients = u64::from(recipe.sizes().iter().sum::<u32>());
        let folder = made(2, &recipe);
        let oracle: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.path().join("oracle.json")).unwrap()).unwrap();
        let mut ecgs = 0;
        let mut images = 0;
        for path in files(folder.path()).into_keys() {
            let path = folder.path().join(path);
            let ending = path.extension().unwrap().to_str().unwrap();
            if ending == "hea" {
                let (found, leads) = wfdb(&path);
                assert_eq!((found, leads.len()), (rate, 12));
                let one = &leads[0];
                let two = &leads[1];
                let three = &leads[2];
                assert_eq!((one.0.as_str(), two.0.as_str(), three.0.as_str()), ("I", "II", "III"));
                for ((one, two), three) in one.1.iter().zip(&two.1).zip(&three.1) {
                    assert!((two - one - three).abs() < 1e-9);
                }
                ecgs += 1;
            }
            if ending == "png" {
                let file = std::io::BufReader::new(fs::File::open(&path).unwrap());
                let mut reader = ::png::Decoder::new(file).read_info().unwrap();
                let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
                let info = reader.next_frame(&mut pixels).unwrap();
                assert_eq!((info.width, info.height, info.line_size), (side, side, side as usize));
                assert_eq!(info.color_type, ::png::ColorType::Grayscale);
                assert!(pixels.iter().max().unwrap() - pixels.iter().min().unwrap() > 80);
                images += 1;
            }
        }
        let told = |what: &str| -> u64 {
            oracle["sites"]
                .as_array()
                .unwrap()
                .iter()
                .map(|site| site[what].as_u64().unwrap())
                .sum()
        };
        assert_eq!((told("ecgs"), told("images"), told("patients")), (ecgs, images, patients));
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let refused = make(recipe(), folder.path(), &|| ()).unwrap_err();
    assert!(matches!(refused, SynthError::NotEmpty(_)), "{refused}");
    assert_eq!(files(folder.path()).len(), 1);
    let file = folder.path().join("notes.txt");
    assert!(matches!(make(recipe(), &file, &|| ()), Err(SynthError::File { .. })));
}

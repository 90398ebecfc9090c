//! The tables of one hospital: `ehr.csv`, `outcome.csv`, `codes.csv`, `split.csv`.

use std::fmt::Write;
use std::path::Path;

use super::super::codes::{self, Vocabulary};
use super::super::cohort::Patient;
use super::super::draw::{Draw, Purpose};
use super::super::ehr;
use super::super::error::SynthError;
use super::super::sites::Site;
use super::table::Table;

/// One patient's lines in each table.
pub(super) struct Rows {
    ehr: String,
    outcome: String,
    codes: String,
    split: String,
}

impl Rows {
    pub(super) fn of(patient: &Patient, site: &Site, vocabulary: &Vocabulary, seed: u64) -> Self {
        let name = site.patient(patient.number);
        let draw = |purpose| Draw::new(seed, site.number, patient.number, purpose);

        let mut ehr = format!("{name},{}", patient.index);
        for cell in ehr::row(patient.latents.e, site, &mut draw(Purpose::Ehr)) {
            ehr.push(',');
            if let Some(value) = cell {
                // A String takes whatever is written to it.
                let _ = write!(ehr, "{value:.4}");
            }
        }
        ehr.push('\n');

        let mut codes = String::new();
        let drawn = vocabulary.codes(patient.latents.d, patient.index, &mut draw(Purpose::Codes));
        for (code, day) in drawn {
            let _ = writeln!(codes, "{name},{},{day}", codes::name(code));
        }

        let outcome = patient.outcome;
        Self {
            ehr,
            outcome: format!("{name},{:.6},{}\n", outcome.time, u8::from(outcome.event)),
            codes,
            split: format!("{name},{}\n", u8::from(!patient.test)),
        }
    }
}

/// The open tables of a hospital.
pub(super) struct Tables {
    ehr: Table,
    outcome: Table,
    codes: Table,
    split: Table,
}

impl Tables {
    pub(super) fn create(folder: &Path) -> Result<Self, SynthError> {
        let mut header = "patient,index_date".to_owned();
        for column in 1..=ehr::COLUMNS {
            let _ = write!(header, ",e{column}");
        }
        Ok(Self {
            ehr: Table::create(folder.join("ehr.csv"), &header)?,
            outcome: Table::create(folder.join("outcome.csv"), "patient,time,event")?,
            codes: Table::create(folder.join("codes.csv"), "patient,code,date")?,
            split: Table::create(folder.join("split.csv"), "patient,train")?,
        })
    }

    pub(super) fn push(&mut self, rows: &Rows) -> Result<(), SynthError> {
        self.ehr.push(&rows.ehr)?;
        self.outcome.push(&rows.outcome)?;
        self.codes.push(&rows.codes)?;
        self.split.push(&rows.split)
    }

    pub(super) fn finish(self) -> Result<(), SynthError> {
        self.ehr.finish()?;
        self.outcome.finish()?;
        self.codes.finish()?;
        self.split.finish()
    }
}

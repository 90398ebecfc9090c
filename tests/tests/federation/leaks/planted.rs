//! What is planted: names, record numbers, and measurements that nothing else has.

use std::fs;
use std::path::Path;

use tests::SetupError;

use super::search::Needle;
use crate::Outcome;

pub(super) const NAMES: [&str; 20] = [
    "Zebulon Quackenbush",
    "Ottoline Wrzesniewski",
    "Thaddeus Mxyzptolm",
    "Philippa Vandersloot",
    "Barnaby Featherstonhaugh",
    "Isolde Kowalczykova",
    "Ignatius Bumbleweed",
    "Cordelia Nwachukwuma",
    "Ambrose Zschokkelin",
    "Hepzibah Gallowglass",
    "Leopold Szczebrzeski",
    "Wilhelmina Oxtobyshaw",
    "Peregrine Dzhugashov",
    "Araminta Fjeldsoehr",
    "Ferdinand Ykkonenpaa",
    "Mehitabel Cholmondeley",
    "Balthazar Ngwenyama",
    "Seraphina Hjortsberger",
    "Cuthbert Twistleton",
    "Drusilla Papadiamantis",
];

const RECORD_NUMBERS: [&str; 15] = [
    "MRN-7740-2281-Q",
    "MRN-9035-1187-X",
    "MRN-1268-9954-K",
    "MRN-5521-0639-Z",
    "MRN-8817-4402-W",
    "MRN-3390-7716-V",
    "MRN-6644-2093-J",
    "MRN-2107-8855-H",
    "NHS 943 476 5919",
    "NHS 401 023 2137",
    "NHS 987 654 4321",
    "SSN 219-09-9999",
    "SSN 078-05-1120",
    "born 1903-02-29",
    "born 1911-11-31",
];

/// Blood values and times of follow-up, in the columns that the model is trained on.
const MEASUREMENTS: [f64; 15] = [
    17.406_931, 19.873_207, 23.618_453, 26.094_717, 28.351_889, 31.740_263, 33.962_511, 37.128_649,
    39.581_077, 42.867_391, 46.203_659, 48.915_731, 51.374_897, 54.690_173, 57.832_019,
];

/// All fifty.
pub(super) fn needles() -> Vec<Needle> {
    let texts = NAMES.iter().chain(&RECORD_NUMBERS).map(|text| Needle::text(text));
    texts.chain(MEASUREMENTS.iter().map(|value| Needle::number(*value))).collect()
}

/// A table of a hospital, as lines of cells.
pub(super) struct Sheet {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    pub fn read(path: &Path) -> Result<Self, SetupError> {
        let text = fs::read_to_string(path)?;
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
        let header = lines.next().ok_or("no header")?;
        Ok(Self { header, rows: lines.collect() })
    }

    pub fn write(&self, path: &Path) -> Outcome {
        let lines = [&self.header].into_iter().chain(&self.rows);
        let lines: Vec<String> = lines.map(|cells| cells.join(",")).collect();
        Ok(fs::write(path, lines.join("\n") + "\n")?)
    }

    /// A patient's cell.
    pub fn cell(&mut self, row: usize, column: &str) -> Result<&mut String, SetupError> {
        let place = self.header.iter().position(|name| name == column).ok_or(column)?;
        self.rows.get_mut(row).and_then(|cells| cells.get_mut(place)).ok_or(column.into())
    }

    /// Names and record numbers become the patients' ids and stand in columns of their own;
    /// measurements stand among the model's inputs and the outcomes.
    pub fn plant(&mut self) -> Outcome {
        self.header.extend(["name", "record"].map(str::to_owned));
        for (row, cells) in self.rows.iter_mut().enumerate() {
            cells.push(NAMES[row % NAMES.len()].to_owned());
            cells.push(RECORD_NUMBERS[row % RECORD_NUMBERS.len()].to_owned());
        }
        for (row, id) in NAMES.iter().chain(&RECORD_NUMBERS).enumerate() {
            (*id).clone_into(self.cell(row, "patient")?);
        }
        for (row, value) in MEASUREMENTS.iter().enumerate() {
            *self.cell(row, "x03")? = value.to_string();
            *self.cell(row + MEASUREMENTS.len(), "time")? = value.to_string();
        }
        Ok(())
    }
}

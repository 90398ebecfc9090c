//! Analytes whose mass, amount and equivalents convert into one another.

/// One analyte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Analyte {
    /// The name that a contract gives.
    name: &'static str,
    /// Molar mass in g/mol.
    pub(super) molar_mass: f64,
    /// Charges per ion, by which equivalents become moles; none where no laboratory reports equivalents.
    pub(super) valence: Option<f64>,
}

const fn neutral(name: &'static str, molar_mass: f64) -> Analyte {
    Analyte { name, molar_mass, valence: None }
}

const fn ion(name: &'static str, molar_mass: f64, valence: f64) -> Analyte {
    Analyte { name, molar_mass, valence: Some(valence) }
}

const ANALYTES: [Analyte; 25] = [
    neutral("glucose", 180.156),
    neutral("cholesterol", 386.654),
    neutral("hdl-cholesterol", 386.654),
    neutral("ldl-cholesterol", 386.654),
    neutral("triglycerides", 885.45),
    neutral("creatinine", 113.118),
    neutral("urea", 60.056),
    // mg/dL of nitrogen, of which urea has two atoms.
    neutral("urea-nitrogen", 28.014),
    neutral("uric-acid", 168.112),
    neutral("bilirubin", 584.66),
    ion("calcium", 40.078, 2.0),
    ion("magnesium", 24.305, 2.0),
    // Its charge depends on the pH, so that equivalents do not convert.
    neutral("phosphate", 30.974),
    ion("sodium", 22.990, 1.0),
    ion("potassium", 39.098, 1.0),
    ion("chloride", 35.453, 1.0),
    ion("bicarbonate", 61.017, 1.0),
    ion("lithium", 6.94, 1.0),
    neutral("iron", 55.845),
    neutral("lactate", 89.07),
    // One of the four chains, by which laboratories report mmol/L.
    neutral("haemoglobin", 16_114.5),
    neutral("hemoglobin", 16_114.5),
    neutral("vitamin-d", 400.64),
    neutral("testosterone", 288.43),
    neutral("cortisol", 362.46),
];

pub(super) fn named(name: &str) -> Option<&'static Analyte> {
    ANALYTES.iter().find(|analyte| analyte.name == name)
}

//! Several runs at one hospital, whose coordinator is the test.

mod consent;
mod departure;
mod modes;
mod slots;
mod together;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::{scope, yield_now};
use std::time::Duration;

use audit::record::Event;
use audit::verify::{Options, Verdict, verify_each};
use base::clock::SystemClock;
use base::config;
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use base::ids::{Round, RunId};
use node::audit_log::AuditSettings;
use plan::experiment::{CheckedPlan, DataTag, Describe, Experiment, Plan, PrivacyMode};
use plan::model::ModelKind;
use plan::model::{initial_parameters, payload};
use plan::policy::Policy;
use privacy::{Budget, Cost, Limits};
use tempfile::TempDir;

use super::super::{DeclineReason, Model, Participant, Records, Site};
use super::{SiteParticipant, hold};
use crate::cancel::{Cancel, Reason};
use crate::cohort_file::CohortFile;
use crate::data::{Source, Table};
use crate::rules::Rules;
use crate::send::Outgoing;
use crate::train::Device;

const PLAN: &str = r#"
name = "several"
rounds = 2
[outcome]
time = "t"
unit = "days"
event = "e"
edges = [10.0, 20.0]
[features]
columns = ["x1", "x2"]
[features.views.codes]
kind = "codes"
table = "dx"
system = "ICD-10"
window = 3650
vocabulary = ["I63*", "I64"]
[model]
kind = "linear"
[training]
optimizer = "sgd"
learning_rate = 0.1
[aggregation]
rule = "fedavg"
min_sites = 1
window = "1s"
"#;

const PRIVATE: &str = r#"
[privacy]
mode = "patient"
clip = 1.0
noise_multiplier = 4.0
delta = 1e-5
steps = 2
sampling_rate = 0.25
expected_patients = 40
patient_clip = 1.0
"#;

const WHOLE: &str = r#"
[privacy]
mode = "site"
clip = 1.0
noise_multiplier = 8.0
delta = 1e-5
"#;

const OPEN: &str = r#"
[privacy]
mode = "none"
clip = 1.0
"#;

/// A plan of this mode, which reads codes.
pub(super) fn plan(mode: PrivacyMode) -> Plan {
    let privacy = match mode {
        PrivacyMode::Patient => PRIVATE,
        PrivacyMode::Site => WHOLE,
        PrivacyMode::None => OPEN,
    };
    config::read::<Experiment>("x.toml", &format!("{PLAN}{privacy}")).unwrap().plan
}

/// The same of columns alone, which the hospital of these tests has.
fn of_columns(mode: PrivacyMode) -> Plan {
    let mut plan = plan(mode);
    plan.views.clear();
    plan.model.inputs = 2;
    assert_eq!(plan.check(), []);
    plan
}

fn rows() -> Vec<Vec<String>> {
    let row = |patient: u32| {
        let of = |modulus: u32| f64::from(patient * 7919 % modulus) / f64::from(modulus);
        let event = u32::from(patient.is_multiple_of(3));
        let time = 1.0 + 25.0 * of(97);
        [
            format!("p{patient}"),
            time.to_string(),
            event.to_string(),
            of(31).to_string(),
            of(53).to_string(),
        ]
    };
    (0..60).map(|patient| row(patient).to_vec()).collect()
}

const COLUMNS: [&str; 5] = ["pid", "t", "e", "x1", "x2"];

fn table() -> Records {
    let rows = rows();
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    Records::Table { table: Table::new("a.csv", &COLUMNS, &rows).unwrap(), split: None }
}

fn write_table(folder: &Path) {
    let lines: Vec<String> = rows().iter().map(|row| row.join(",")).collect();
    let text = format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n"));
    std::fs::write(folder.join("a.csv"), text).unwrap();
    let text = "tables = [\"a.csv\"]\npatient = \"pid\"\n[outcome]\ntime = \"t\"\nunit = \"days\"\nevent = \"e\"\n";
    std::fs::write(folder.join("cohort.toml"), text).unwrap();
}

/// A hospital with so many slots, in a state folder of its own.
struct Hospital {
    folder: TempDir,
    site: SiteParticipant,
    slots: u32,
    epsilon: f64,
}

fn limits(epsilon: f64) -> Limits {
    Limits { total: Budget { epsilon, delta: 1e-5 }, epsilon_per_run: None }
}

impl Hospital {
    /// A hospital whose patients lie in memory.
    fn new(slots: u32, epsilon: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(folder, slots, epsilon, table())
    }

    /// A hospital whose patients lie in files.
    fn of_files(slots: u32, epsilon: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_table(folder.path());
        let source = Source::load(&folder.path().join("cohort.toml")).unwrap();
        let records = Records::Files(Arc::new(CohortFile::fixed(source)));
        Self::open(folder, slots, epsilon, records)
    }

    /// A hospital whose patients lie in files that `cohort.toml` describes as it stands.
    fn of_cohort_file(slots: u32, epsilon: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_table(folder.path());
        let cohort = CohortFile::open(&folder.path().join("cohort.toml")).unwrap();
        Self::open(folder, slots, epsilon, Records::Files(Arc::new(cohort)))
    }

    fn open(folder: TempDir, slots: u32, epsilon: f64, records: Records) -> Self {
        let coordinator = Fingerprint::of(b"the test's");
        let policy = Policy {
            modes: vec![PrivacyMode::Patient, PrivacyMode::Site, PrivacyMode::None],
            models: vec![ModelKind::Linear, ModelKind::Mlp],
            min_noise: 0.0,
            max_rounds: 1000,
            max_time: Duration::from_secs(3600),
            describe: true,
            limits: limits(epsilon),
            ..Policy::just(&of_columns(PrivacyMode::Patient), coordinator)
        };
        let site = SiteParticipant::open(Site {
            name: "hospital-a".parse().unwrap(),
            coordinator,
            rules: Rules::fixed(policy, Digest::of(b"the test's")),
            data_set: "cohort".parse().unwrap(),
            records,
            tag: DataTag::Synthetic,
            device: Device::cpu(),
            state: folder.path().join("state"),
            cache_bytes: 1 << 30,
            slots,
            audit: AuditSettings::untracked(),
            clock: Arc::new(SystemClock::new()),
        });
        Self { folder, site: site.unwrap(), slots, epsilon }
    }

    /// The next process of a hospital whose patients lie in memory.
    fn restarted(self) -> Self {
        let Self { folder, site, slots, epsilon } = self;
        drop(site);
        Self::open(folder, slots, epsilon, table())
    }

    fn consider(&self, run: &RunId, plan: &Plan) -> Result<(), DeclineReason> {
        self.site.consider(run, &CheckedPlan::new(plan.clone()).unwrap())
    }

    fn round(&self, run: &RunId, plan: &Plan, round: u32) -> Result<Outgoing, DeclineReason> {
        self.round_until(run, plan, round, &Cancel::default())
    }

    fn round_until(
        &self,
        run: &RunId,
        plan: &Plan,
        round: u32,
        cancel: &Cancel,
    ) -> Result<Outgoing, DeclineReason> {
        let parameters = initial_parameters(&plan.model, plan.seed);
        let digest = Digest::of(&payload::from_parameters(&parameters));
        let model = Model { digest, parameters: &parameters, cancel };
        self.site.round(run, Round(round), model)
    }

    /// Trains a round and lets its update leave.
    fn train(&self, run: &RunId, plan: &Plan, round: u32) {
        let outgoing = self.round(run, plan, round).unwrap();
        self.site.depart(run, Round(round), &outgoing).unwrap();
        self.site.received(run, Round(round), outgoing.update.digest());
    }

    fn spent(&self) -> Cost {
        self.site.gate.look(|account| account.spent().clone())
    }

    fn outbox(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.path().join("state/outbox")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Where the data of a run lie in memory.
    fn data(&self, name: &str) -> usize {
        let cell = self.site.runs().find(&run(name)).unwrap();
        let session = self.site.runs().session();
        let state = self.site.lock_run(&cell, session).unwrap();
        Arc::as_ptr(&state.as_ref().unwrap().data).addr()
    }

    /// Waits until a run trains.
    fn until_in_hand(&self, run: &RunId) {
        while !self.site.in_hand().contains_key(run) {
            yield_now();
        }
    }

    /// Whether a run counts as one of the present session.
    fn counts(&self, run: &RunId) -> bool {
        let further = "run-further".parse().unwrap();
        self.site.runs().before(&further).any(|(counted, _)| counted == run)
    }

    /// Waits until a run counts as one of the present session: it has its slot, or was proposed again.
    fn until_counted(&self, run: &RunId) {
        while !self.counts(run) {
            yield_now();
        }
    }

    /// Ends the process, verifies the log, and returns the plans that were consented to under each name, and the runs
    /// that were declined, in order.
    fn decisions(self) -> Vec<(String, Option<audit::Digest>)> {
        let Self { folder, site, .. } = self;
        drop(site);
        let folder = folder.path().join("state").join(node::audit_log::FOLDER);
        let key = audit::folder::key(&folder).unwrap();
        let mut decisions = Vec::new();
        let report = verify_each(&folder, &key, &Options::default(), &mut |record| {
            let plan = match &record.event {
                Event::Consent { plan, .. } => Some(*plan),
                Event::Declined { .. } => None,
                _ => return,
            };
            decisions.push((record.run.as_ref().unwrap().to_string(), plan));
        });
        assert_eq!(report.verdict, Verdict::Sound, "{report}");
        decisions
    }
}

fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

/// A plan whose training ends only when it is told to: by itself it would take minutes.
fn endless() -> Plan {
    let mut plan = of_columns(PrivacyMode::Site);
    plan.model.hidden = vec![256, 256];
    plan.training.epochs = 10_000;
    plan.training.batch = Some(1);
    plan
}

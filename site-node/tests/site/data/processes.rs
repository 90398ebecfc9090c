//! `site-node data check` as a process of its own, with real files: what a data engineer types and reads.

use std::process::Command;

use serde_json::Value;

use super::Hospital;

const SETTINGS: &str = r#"
coordinator = "127.0.0.1:7443"
identity = "identity"
state = "state"
policy = "policy.toml"

[data]
name = "cohort"
cohort = "cohort.toml"
tag = "synthetic"
"#;

const POLICY: &str = r#"
coordinators = ["sha256:a2f388c86e87853a85a12fb9d526536bc924079406f59680a00c4ca0cddfa23d"]
modes = ["none"]
models = ["linear"]
heads = ["logistic-hazard"]
min_patients = 2
min_events = 1
max_clip = 10.0
min_noise = 0.5
max_rounds = 1000
max_parameters = 10000000
start_models = []
describe = false

[budget]
epsilon = 8.0
delta = 1e-5
"#;

/// What the process found.
pub(crate) struct Told {
    /// The code it ended with was 0.
    pub(crate) good: bool,
    /// Problems with how to fix them, then notes, each on a line.
    pub(crate) text: String,
    /// How many problems.
    pub(crate) problems: usize,
}

impl Hospital {
    /// Writes the settings of the program beside the data.
    pub(crate) fn settle(&self) {
        self.write("site-node.toml", SETTINGS);
        self.write("policy.toml", POLICY);
    }

    /// Runs a verb of `site-node data`; what it printed on both streams, and whether it ended well.
    pub(crate) fn data(&self, verb: &[&str]) -> (bool, String) {
        self.settle();
        let mut command = Command::new(env!("CARGO_BIN_EXE_site-node"));
        command.arg("data").args(verb).arg("--config").arg(self.place("site-node.toml"));
        let output = command.env("NO_COLOR", "1").output().unwrap();
        let [out, err] = [output.stdout, output.stderr]
            .map(|stream| String::from_utf8_lossy(&stream).into_owned());
        (output.status.success(), format!("{out}{err}"))
    }

    /// Runs `data check`, against an experiment with these views where there are any.
    pub(crate) fn told(&self, views: Option<&str>) -> Told {
        let mut verb = vec!["check", "--format", "json"];
        let path = self.place("experiment.toml");
        let path = path.to_string_lossy();
        if let Some(views) = views {
            self.write("experiment.toml", experiment(views));
            verb.extend(["--experiment", &path]);
        }
        let (good, output) = self.data(&verb);
        let line = output.lines().find(|line| line.starts_with('{'));
        let line = line.unwrap_or_else(|| panic!("no findings in {output}"));
        let found: Value = serde_json::from_str(line).unwrap();
        let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
        let problems = list("problems");
        let lines = problems.iter().map(|it| format!("{}: {}", it["problem"], it["fix"]));
        let notes = list("notes").into_iter().map(|note| format!("note: {note}"));
        let text = lines.chain(notes).collect::<Vec<_>>().join("\n");
        // Texts are those of JSON, in which a quote is escaped.
        Told { good, text: text.replace("\\\"", "\""), problems: problems.len() }
    }
}

/// An experiment on the outcome of the hospital's tables.
fn experiment(views: &str) -> String {
    format!(
        r#"
name = "contract"
rounds = 1
outcome = {{ time = "months", unit = "months", event = "died", edges = [12.0, 24.0] }}
model = {{ kind = "linear", head = "logistic-hazard", proportional = true, initial_hazard = 0.1 }}
training = {{ learning_rate = 0.1 }}
privacy = {{ mode = "none", clip = 1.0 }}
aggregation = {{ min_sites = 1, window = "1m" }}
[features]
{views}
"#
    )
}

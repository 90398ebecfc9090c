//! What a description says when it is over, as one JSON object. Pure.
//!
//! The names in it are stable: programs read them. What is computed here is computed from numbers with
//! noise on them, and costs nothing.

use std::collections::BTreeMap;

use node::wire::Told;
use plan::experiment::{LeftOut, Plan, StatisticsRequest, TimeUnit};
use plan::metric::Metric;
use privacy::release::NoisyCurve;
use privacy::{self, epsilon};
use serde::Serialize;

/// The δ at which the cost is stated where the experiment has none.
const DELTA: f64 = 1e-5;

/// What a description costs each hospital that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// As zCDP.
    pub rho: f64,
    /// ε promised: of all answers together, for one patient, added or removed.
    pub epsilon: f64,
    /// ε charged, by a hospital's ledger whose budget is stated at this δ.
    pub epsilon_charged: f64,
    /// The δ of both.
    pub delta: f64,
    /// How many charges it is.
    pub releases: u32,
}

impl Cost {
    /// Of a question, at the δ of the plan that it is for.
    #[must_use]
    pub fn of(question: &StatisticsRequest, plan: &Plan) -> Self {
        let delta = plan.privacy.promised_delta().unwrap_or(DELTA);
        let rho = question.rho;
        let releases = question.count();
        let charged = privacy::Cost::of(question.mechanism()).times(u64::from(releases));
        let epsilon_charged = charged.epsilon(delta);
        Self { rho, epsilon: epsilon(rho, delta), epsilon_charged, delta, releases }
    }
}

/// One input of some patients.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputReport {
    /// Its name.
    pub name: String,
    /// Noisy, as all that follows.
    pub missing: i64,
    /// Patients who have it.
    pub present: i64,
    /// The part of patients who lack it; none where there seems to be nobody.
    pub missing_rate: Option<f64>,
    /// Of values held to the bounds; none where nobody seems to have one, and for all sites together.
    pub mean: Option<f64>,
    /// How far the noise moves the mean, one standard deviation.
    pub mean_deviation: Option<f64>,
    /// The first quartile.
    pub q25: Option<f64>,
    /// The median.
    pub q50: Option<f64>,
    /// The third quartile.
    pub q75: Option<f64>,
}

/// A Kaplan-Meier curve and the noisy counts behind it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveReport {
    /// S at each edge.
    pub survival: Vec<f64>,
    /// Up to how many edges the number at risk stood out of its noise.
    pub supported: usize,
    /// Events in each interval.
    pub events: Vec<i64>,
    /// Censored in each interval.
    pub censored: Vec<i64>,
    /// Followed beyond the last edge.
    pub beyond: i64,
}

/// Some patients, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The site, or "pooled".
    pub site: String,
    /// Patients who train.
    pub patients: i64,
    /// Of them with the event.
    pub events: i64,
    /// The standard deviation of the noise in each count of patients.
    pub count_deviation: f64,
    /// The inputs, in the question's order.
    pub inputs: Vec<InputReport>,
    /// The survival curve.
    pub survival: CurveReport,
}

/// A site that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// Which.
    pub site: String,
    /// The rule that said no.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// An input that was not asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotAsked {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: &'static str,
}

/// What came of a description.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DescriptionReport {
    /// The name that hospitals charged it under.
    pub description: String,
    /// The experiment's name.
    pub experiment: String,
    /// What it cost each hospital that answered.
    pub cost: Cost,
    /// The unit of the edges.
    pub unit: TimeUnit,
    /// The time grid.
    pub edges: Vec<f64>,
    /// Sites that answered.
    pub sites: Vec<Group>,
    /// Sums over them; none where nobody answered.
    pub pooled: Option<Group>,
    /// Sites that did not answer.
    pub declined: Vec<Declined>,
    /// Inputs that were not asked about.
    pub left_out: Vec<NotAsked>,
}

/// A noisy count that travelled as a number.
#[allow(clippy::cast_possible_truncation, reason = "a count, and casts saturate")]
fn whole(value: Option<f64>) -> i64 {
    value.unwrap_or_default() as i64
}

fn rate(missing: i64, present: i64) -> Option<f64> {
    let (missing, all) = (missing as f64, missing as f64 + present as f64);
    (all > 0.0).then(|| (missing / all).clamp(0.0, 1.0))
}

fn curve(events: Vec<i64>, censored: Vec<i64>, beyond: i64, deviation: f64) -> CurveReport {
    let curve = NoisyCurve::of_counts(events, censored, beyond, deviation);
    let NoisyCurve { survival, supported, events, censored, beyond, .. } = curve;
    CurveReport { survival, supported, events, censored, beyond }
}

impl Group {
    fn of(site: &str, question: &StatisticsRequest, numbers: &[Metric]) -> Self {
        let told: BTreeMap<&str, f64> =
            numbers.iter().map(|number| (number.name.as_str(), number.value)).collect();
        let find = |name: &str| told.get(name).copied();
        let each = |what: &str| {
            let edges = 1..=question.outcome.edges.len();
            edges.map(|edge| whole(find(&format!("survival.{what}.{edge}")))).collect()
        };
        let count_deviation = question.count_deviation();
        let input = |name: &str| {
            let find = |what: &str| find(&format!("input.{name}.{what}"));
            let missing = whole(find("missing"));
            let present = whole(find("present"));
            InputReport {
                name: name.to_owned(),
                missing,
                present,
                missing_rate: rate(missing, present),
                mean: find("mean"),
                mean_deviation: find("mean_deviation"),
                q25: find("q25"),
                q50: find("q50"),
                q75: find("q75"),
            }
        };
        let beyond = whole(find("survival.beyond"));
        Self {
            site: site.to_owned(),
            patients: whole(find("patients")),
            events: whole(find("events")),
            count_deviation,
            inputs: question.inputs.iter().map(|asked| input(&asked.view.name)).collect(),
            survival: curve(each("events"), each("censored"), beyond, count_deviation),
        }
    }

    /// Sums of counts, and the curve of summed counts. Means and quartiles do not add up.
    fn pooled(sites: &[Self]) -> Option<Self> {
        let mut all = sites.first()?.clone();
        for site in &sites[1..] {
            all.patients = all.patients.saturating_add(site.patients);
            all.events = all.events.saturating_add(site.events);
            for (sum, input) in all.inputs.iter_mut().zip(&site.inputs) {
                sum.missing = sum.missing.saturating_add(input.missing);
                sum.present = sum.present.saturating_add(input.present);
            }
            let add = |sums: &mut [i64], more: &[i64]| {
                sums.iter_mut().zip(more).for_each(|(sum, one)| *sum = sum.saturating_add(*one));
            };
            add(&mut all.survival.events, &site.survival.events);
            add(&mut all.survival.censored, &site.survival.censored);
            all.survival.beyond = all.survival.beyond.saturating_add(site.survival.beyond);
        }
        "pooled".clone_into(&mut all.site);
        all.count_deviation *= (sites.len() as f64).sqrt();
        for input in &mut all.inputs {
            input.missing_rate = rate(input.missing, input.present);
            (input.mean, input.mean_deviation) = (None, None);
            (input.q25, input.q50, input.q75) = (None, None, None);
        }
        let CurveReport { events, censored, beyond, .. } = all.survival;
        all.survival = curve(events, censored, beyond, all.count_deviation);
        Some(all)
    }
}

impl DescriptionReport {
    /// What the steps of a description come to.
    #[must_use]
    pub fn of(
        question: &StatisticsRequest,
        cost: Cost,
        left_out: Vec<LeftOut>,
        steps: &[Told],
    ) -> Self {
        let mut sites = Vec::new();
        let mut declined = Vec::new();
        for step in steps {
            match step {
                Told::Answered { site, numbers } => {
                    sites.push(Group::of(site.as_str(), question, numbers));
                }
                Told::Declined { site, rule, reason } => {
                    let site = site.to_string();
                    let rule = rule.clone();
                    let reason = reason.clone();
                    declined.push(Declined { site, rule, reason });
                }
                Told::Asked { .. }
                | Told::Complete { .. }
                | Told::Failed { .. }
                | Told::Stopped { .. } => {}
            }
        }
        sites.sort_by(|a, b| a.site.cmp(&b.site));
        declined.sort_by(|a, b| a.site.cmp(&b.site));
        let not_asked = |LeftOut { name, why }: LeftOut| NotAsked { name, why };
        Self {
            description: question.run().to_string(),
            experiment: question.name.to_string(),
            cost,
            unit: question.outcome.unit,
            edges: question.outcome.edges.clone(),
            pooled: Group::pooled(&sites),
            sites,
            declined,
            left_out: left_out.into_iter().map(not_asked).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::ids::SiteName;
    use plan::experiment::Experiment;

    use super::*;

    const DEMO: &str = include_str!("../../../configs/experiments/demo.toml");

    fn question() -> (Plan, StatisticsRequest) {
        let table = "[describe]\nrho = 0.5\n[describe.bounds]\nx01 = [-3, 3]\n";
        let text = format!("{DEMO}\n{table}");
        let experiment: Experiment = base::config::read("demo", &text).unwrap();
        let (question, _) = experiment.describe.question(&experiment.plan).unwrap();
        (experiment.plan, question)
    }

    /// Ten patients a cell but beyond, as if without noise.
    fn answer(question: &StatisticsRequest) -> Vec<Metric> {
        let value = |name: &str| match name {
            "patients" => 400.0,
            "events" | "input.x01.missing" => 100.0,
            "input.x01.present" => 300.0,
            "survival.beyond" => 200.0,
            name if name.starts_with("survival") => 10.0,
            _ => 1.5,
        };
        let names = question.questions().into_iter().flat_map(|(_, question)| question.names());
        names.map(|name| Metric { value: value(&name), name }).collect()
    }

    #[test]
    fn counts_add_up_and_means_do_not() {
        let (plan, question) = question();
        let numbers = answer(&question);
        assert_eq!(question.accepts(&numbers), Ok(()));
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let refused = ("cohort".to_owned(), "no".to_owned());
        let steps = [
            Told::Answered { site: site("b"), numbers: numbers.clone() },
            Told::Declined { site: site("c"), rule: refused.0, reason: refused.1 },
            Told::Answered { site: site("a"), numbers },
        ];
        let cost = Cost::of(&question, &plan);
        // Mode `none` has no δ of its own.
        assert!((cost.delta - 1e-5).abs() < 1e-12 && cost.epsilon > 1.0, "{cost:?}");
        let left_out = vec![LeftOut { name: "x02".to_owned(), why: "no public bounds" }];
        let report = DescriptionReport::of(&question, cost, left_out, &steps);
        let names: Vec<_> = report.sites.iter().map(|group| group.site.as_str()).collect();
        assert_eq!((names, report.declined.len()), (vec!["a", "b"], 1));
        let one = &report.sites[0];
        let all = report.pooled.as_ref().unwrap();
        assert_eq!((one.patients, all.patients), (400, 800));
        assert_eq!(one.inputs[0].missing_rate, Some(0.25));
        assert_eq!((one.inputs[0].mean, all.inputs[0].mean), (Some(1.5), None));
        assert_eq!((all.inputs[0].missing, all.inputs[0].missing_rate), (200, Some(0.25)));
        assert!((all.count_deviation / one.count_deviation - 2.0_f64.sqrt()).abs() < 1e-12);
        // 1 − 10/400 at the first edge, of one site as of two like it.
        assert!((one.survival.survival[0] - 0.975).abs() < 1e-12);
        assert!((all.survival.survival[0] - 0.975).abs() < 1e-12);
        assert_eq!(one.survival.supported, 10);
        let table = report.table();
        for word in ["pooled", "x01", "25.0 %", "0.9750", "declined c: cohort: no"] {
            assert!(table.contains(word), "{word}:\n{table}");
        }
        assert!(serde_json::to_string(&report).unwrap().contains("\"pooled\""));
    }

    #[test]
    fn without_an_answer_there_is_nothing_to_pool() {
        let (plan, question) = question();
        let cost = Cost::of(&question, &plan);
        let report = DescriptionReport::of(&question, cost, Vec::new(), &[]);
        assert_eq!((report.pooled.as_ref(), report.sites.len()), (None, 0));
        assert_eq!(report.table().lines().count(), 1);
        assert_eq!((rate(-5, 5), rate(-5, 6), rate(7, -3)), (None, Some(0.0), Some(1.0)));
    }
}

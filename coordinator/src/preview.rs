//! What a run would cost and send, before anything runs: computed from the plan alone, so that it
//! knows no hospital's size.

use std::fmt::Write as _;
use std::path::Path;

use audit::epsilon::percent;
use base::config::ConfigError;
use base::digest::Digest;
use base::ids::RunId;
use bytesize::ByteSize;
use plan::experiment::{Combine, Plan, StatisticsRequest};
use plan::policy::{Asker, BrokenRule, Policy, PolicyDecision};
use privacy::accountant::AccountantError;
use privacy::{Account, Cost, LedgerError, Mechanism, shown_epsilon};
use serde::Serialize;

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// A parameter is outside the accountants' range.
    #[error(transparent)]
    Accountant(#[from] AccountantError),
    /// A hospital's policy cannot be read. Not transparent, which would hide the error that has the exit code.
    #[error("{0}")]
    Policy(#[from] ConfigError),
}

/// What a plan would cost and send.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// The experiment's name.
    pub experiment: String,
    /// Its rounds.
    pub rounds: u32,
    /// The fewest sites that make a round, and the most.
    pub sites: (u32, u32),
    /// How a round's updates become one, with the parameters of that.
    pub combine: String,
    /// The server's rule, which makes the next model of it.
    pub rule: &'static str,
    /// The model's kind and head.
    pub model: String,
    /// Its parameters.
    pub parameters: u64,
    /// The model that it begins with, as policies list it; none for a random start.
    pub start: Option<Digest>,
    /// Words that a site receives and sends in a round, in bytes, without framing.
    pub bytes_each_round: u64,
    /// The same in all rounds, with the final model.
    pub bytes_each_site: u64,
    /// The same for the most sites; framing comes on top.
    pub bytes_most_sites: u64,
    /// What is promised, and what ledgers would charge for it.
    pub privacy: PrivacyPreview,
    /// Values that are valid and promise little, each with its key and the remedy.
    pub warnings: Vec<String>,
    /// What the policies that were given say.
    pub policies: Vec<PolicyPreview>,
}

/// What a site's patients are promised.
#[derive(Debug, Serialize)]
pub struct PrivacyPreview {
    /// The mode.
    pub mode: &'static str,
    /// What neighbouring data sets differ in; none where nothing is promised.
    pub unit: Option<&'static str>,
    /// ε promised: of the whole run at one site, by privacy-loss distributions.
    pub epsilon: Option<f64>,
    /// ε charged: what a ledger whose budget is stated at this δ charges for the whole run, by Rényi costs at fixed
    /// orders.
    pub epsilon_charged: Option<f64>,
    /// The δ of both.
    pub delta: Option<f64>,
    /// Standard deviation of the noise over the bound that it hides.
    pub noise_multiplier: Option<f64>,
    /// Private steps in all, and the chance of a patient to be in one; mode `patient` alone.
    pub steps: Option<u64>,
    /// That chance.
    pub sampling_rate: Option<f64>,
    /// zCDP of the final concordances, where they are asked for.
    pub evaluation_rho: Option<f64>,
    /// How far noise is expected to move one site's concordance, one standard deviation.
    pub evaluation_deviation: Option<f64>,
    /// The same of the mean over the fewest sites.
    pub evaluation_deviation_mean: Option<f64>,
    /// The parts that are ablated, one for each further concordance.
    pub evaluation_ablated: Vec<String>,
}

/// What one hospital would say.
#[derive(Debug, Serialize)]
pub struct PolicyPreview {
    /// Its file.
    pub policy: String,
    /// Whether it would consent, given enough patients and a ledger without entries.
    pub accepted: bool,
    /// What each rule says.
    pub rules: Vec<RulePreview>,
    /// What its ledger would charge; none where no noise is added.
    pub charged: Option<ChargedPreview>,
    /// Rules on what only the hospital knows: which coordinator asks, and what its data are.
    pub unknown: Vec<UnknownRule>,
    /// The rule that refuses a description of the same file, given the same; none where it is answered.
    pub description_refused_by: Option<&'static str>,
}

/// What a hospital's ledger would charge for a run.
#[derive(Debug, Serialize)]
pub struct ChargedPreview {
    /// ε charged.
    pub epsilon: f64,
    /// The δ of the hospital's budget, at which that is stated.
    pub delta: f64,
    /// The part of the budget that it takes; over 1 where it does not fit.
    pub used: f64,
}

/// A rule that cannot be judged away from the hospital.
#[derive(Debug, Serialize)]
pub struct UnknownRule {
    /// The policy's key.
    pub rule: &'static str,
    /// What it will be held against.
    pub asked: &'static str,
    /// What the hospital allows.
    pub allowed: String,
}

/// One rule.
#[derive(Debug, Serialize)]
pub struct RulePreview {
    /// The policy's key.
    pub rule: &'static str,
    /// Whether the plan keeps it.
    pub kept: bool,
    /// What the plan asks for.
    pub asked: String,
    /// What the hospital allows.
    pub allowed: String,
}

impl From<PolicyDecision> for RulePreview {
    fn from(PolicyDecision { rule, asked, allowed, kept }: PolicyDecision) -> Self {
        Self { rule, kept, asked, allowed }
    }
}

impl Preview {
    /// The preview of a plan, and of the hospitals whose policies are at hand; of these also on the question
    /// that a description would ask.
    ///
    /// # Errors
    /// A policy cannot be read, or the plan was not checked.
    pub fn of(
        plan: &Plan,
        question: &StatisticsRequest,
        policies: &[impl AsRef<Path>],
    ) -> Result<Self, PreviewError> {
        let parameters = plan.model.parameters();
        let each_round = parameters.saturating_mul(8);
        let each_site =
            each_round.saturating_mul(u64::from(plan.rounds)).saturating_add(parameters * 4);
        let most = plan.aggregation.max_sites;
        Ok(Self {
            experiment: plan.name.to_string(),
            rounds: plan.rounds,
            sites: (plan.aggregation.min_sites, most),
            combine: combine(plan.aggregation.combine),
            rule: plan.aggregation.rule.name(),
            model: format!("{}, {}", plan.model.made_of(), plan.model.head.name()),
            parameters,
            start: plan.start,
            bytes_each_round: each_round,
            bytes_each_site: each_site,
            bytes_most_sites: each_site.saturating_mul(u64::from(most)),
            privacy: PrivacyPreview::of(plan)?,
            warnings: plan.cautions(),
            policies: policies
                .iter()
                .map(|path| PolicyPreview::of(plan, question, path.as_ref()))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl PrivacyPreview {
    fn of(plan: &Plan) -> Result<Self, AccountantError> {
        let privacy = &plan.privacy;
        let mechanism = privacy.mechanism();
        let promised = privacy.mode.adds_noise();
        let charged = promised.then(|| Cost::of_run(privacy.releases(plan.rounds)));
        let (steps, sampling_rate) = match mechanism {
            Mechanism::DpSgd { sampling_rate, steps, .. } => {
                (Some(u64::from(steps) * u64::from(plan.rounds)), Some(sampling_rate))
            }
            _ => (None, None),
        };
        let training = privacy.dp_sgd.as_ref().map(|dp_sgd| dp_sgd.expected_patients);
        let noise = privacy.evaluation.as_ref().zip(training);
        let noise = noise
            .map(|(asked, training)| asked.expected_noise(training, plan.aggregation.min_sites));
        Ok(Self {
            mode: privacy.mode.name(),
            unit: privacy.protected_unit(),
            epsilon: privacy.epsilon(plan.rounds)?,
            epsilon_charged: charged.map(|charged| charged.epsilon(privacy.delta)),
            delta: privacy.promised_delta(),
            noise_multiplier: promised.then_some(privacy.noise_multiplier),
            steps,
            sampling_rate,
            evaluation_rho: privacy.evaluation.as_ref().map(|asked| asked.rho),
            evaluation_deviation: noise.map(|noise| noise.site),
            evaluation_deviation_mean: noise.map(|noise| noise.mean),
            evaluation_ablated: privacy
                .evaluation
                .as_ref()
                .map_or_else(Vec::new, |asked| asked.ablated.clone()),
        })
    }
}

impl PolicyPreview {
    fn of(plan: &Plan, question: &StatisticsRequest, path: &Path) -> Result<Self, PreviewError> {
        let policy = Policy::load(path)?;
        // Which coordinator asks, and of which data, is the hospital's to know.
        let asker = Asker { coordinator: None, tag: None };
        let mut rules: Vec<RulePreview> =
            policy.judge(plan, asker).into_iter().map(RulePreview::from).collect();
        let (rule, charged) = budget(plan, &policy).unzip();
        rules.extend(rule);
        let accepted = rules.iter().all(|rule| rule.kept);
        let description_refused_by = describes(question, &policy, asker);
        let unknown = unknown(plan, &policy);
        let policy = path.display().to_string();
        let charged = charged.flatten();
        Ok(Self { policy, accepted, rules, charged, unknown, description_refused_by })
    }
}

/// What the hospital will check besides, once it is asked.
fn unknown(plan: &Plan, policy: &Policy) -> Vec<UnknownRule> {
    let listed: Vec<String> = policy.coordinators.iter().map(ToString::to_string).collect();
    let allowed = if listed.is_empty() { "nobody".to_owned() } else { listed.join(", ") };
    let asked = "the authority of the coordinator that asks";
    let mut rules = vec![UnknownRule { rule: "policy.coordinators", asked, allowed }];
    let mode = plan.privacy.mode;
    if mode.needs_open_data() {
        let allowed = format!("\"public\" or \"synthetic\", as the mode is {:?}", mode.name());
        let asked = "the tag in the hospital's site-node.toml";
        rules.push(UnknownRule { rule: "data.tag", asked, allowed });
    }
    rules
}

/// The rule that refuses a question, or a budget of which nothing was spent.
fn describes(
    question: &StatisticsRequest,
    policy: &Policy,
    asker: Asker<'_>,
) -> Option<&'static str> {
    if let Err(BrokenRule { rule, .. }) = policy.admit_statistics(question, asker) {
        return Some(rule);
    }
    let account = Account::open(policy.limits, Vec::new()).ok()?;
    let foreseen =
        account.foresee_statistics(&question.run(), question.mechanism(), question.count());
    let error = foreseen.err()?;
    Some(error.rule().unwrap_or("policy.budget"))
}

/// What a budget of which nothing was spent says of a whole run.
fn budget(plan: &Plan, policy: &Policy) -> Option<(RulePreview, Option<ChargedPreview>)> {
    let account = Account::open(policy.limits, Vec::new()).ok()?;
    let releases = plan.privacy.releases(plan.rounds);
    let cost = Cost::of_run(releases);
    let delta = policy.limits.total.delta;
    let charged = (!cost.is_zero()).then(|| ChargedPreview {
        epsilon: cost.epsilon(delta),
        delta,
        used: account.limit().used(&cost),
    });
    let fits = charged.as_ref().map_or_else(
        || "no noise: nothing is charged".to_owned(),
        |charged| {
            let epsilon = shown_epsilon(charged.epsilon);
            let used = percent(charged.used);
            format!("ε charged {epsilon}, {used} of the budget, nothing spent before")
        },
    );
    let allowed = format!(
        "ε {} at δ {:e}{}",
        policy.limits.total.epsilon,
        policy.limits.total.delta,
        policy.limits.epsilon_per_run.map_or(String::new(), |run| format!(", {run} per run"))
    );
    let refused = account.foresee(&RunId::memorable(0), plan.digest(), releases).err();
    let rule = RulePreview {
        rule: refused.as_ref().and_then(LedgerError::rule).unwrap_or("policy.budget"),
        kept: refused.is_none(),
        asked: refused.map_or(fits, |error| error.to_string()),
        allowed,
    };
    Some((rule, charged))
}

fn bytes(count: u64) -> String {
    ByteSize(count).display().si_short().to_string()
}

/// A way to combine updates, in the words of the experiment's `[aggregation]`.
fn combine(combine: Combine) -> String {
    let name = combine.name();
    match combine {
        Combine::Mean | Combine::Median => name.to_owned(),
        Combine::TrimmedMean { trim } => format!("{name}, trim = {trim}"),
        Combine::MultiKrum { hostile } => format!("{name}, hostile = {hostile}"),
    }
}

impl Preview {
    /// The preview for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<18}{value}");
        };
        let (least, most) = self.sites;
        line("experiment", self.experiment.clone());
        line("model", format!("{}, {} parameters", self.model, self.parameters));
        if let Some(start) = self.start {
            line("begins with", format!("model {start}"));
        }
        line("rounds", format!("{}, with {least} to {most} sites", self.rounds));
        line("updates", format!("combined by {}; server rule {}", self.combine, self.rule));
        let round = bytes(self.bytes_each_round);
        let site = bytes(self.bytes_each_site);
        let all = bytes(self.bytes_most_sites);
        line(
            "models",
            format!(
                "{round} per site and round, {site} per site, {all} for {most} sites, the most"
            ),
        );
        let privacy = &self.privacy;
        line("privacy mode", privacy.mode.to_owned());
        match (privacy.epsilon, privacy.delta, privacy.unit) {
            (Some(epsilon), Some(delta), Some(unit)) => {
                let epsilon = shown_epsilon(epsilon);
                line(
                    "promised",
                    format!("ε = {epsilon} at δ = {delta:e} at each site, by this run"),
                );
                line("unit", unit.to_owned());
            }
            _ => line("promised", "nothing: no noise".to_owned()),
        }
        if let (Some(charged), Some(delta)) = (privacy.epsilon_charged, privacy.delta) {
            let charged = shown_epsilon(charged);
            line(
                "charged",
                format!(
                    "ε = {charged} by a hospital's ledger whose budget is stated at δ = {delta:e}"
                ),
            );
        }
        if let Some(noise) = privacy.noise_multiplier {
            line("noise", format!("{noise:.4} times the bound that it hides"));
        }
        if let (Some(steps), Some(rate)) = (privacy.steps, privacy.sampling_rate) {
            line("private steps", format!("{steps}, each patient in one with chance {rate}"));
        }
        if let Some(rho) = privacy.evaluation_rho {
            let without = match &privacy.evaluation_ablated[..] {
                [] => String::new(),
                parts => format!(", and one each without {}", parts.join(", ")),
            };
            line(
                "evaluation",
                format!("one concordance per site in the end{without}: {rho}-zCDP in all"),
            );
            if let (Some(one), Some(mean)) =
                (privacy.evaluation_deviation, privacy.evaluation_deviation_mean)
            {
                let text = format!(
                    "about ± {one:.3} at each site, ± {mean:.3} of the mean over {least} sites"
                );
                line("expected noise", text);
            }
        }
        for warning in &self.warnings {
            line("warning", warning.clone());
        }
        for policy in &self.policies {
            let verdict = if policy.accepted { "would consent" } else { "would refuse" };
            let _ = writeln!(text, "\n{}: {verdict}", policy.policy);
            for rule in &policy.rules {
                let mark = if rule.kept { "ok " } else { "NO " };
                let RulePreview { rule, asked, allowed, .. } = rule;
                let _ = writeln!(text, "  {mark} {rule:<30}{asked}; allowed: {allowed}");
            }
            for UnknownRule { rule, asked, allowed } in &policy.unknown {
                let _ = writeln!(text, "  ?   {rule:<30}{asked}; allowed: {allowed}");
            }
            let _ = match policy.description_refused_by {
                None => writeln!(text, "  coordinator describe: would answer"),
                Some(rule) => writeln!(text, "  coordinator describe: would refuse ({rule})"),
            };
        }
        text
    }
}

//! `site-node policy explain`: what this hospital's policy and budget say of an experiment, before
//! anybody asks.

use std::error::Error;
use std::path::{Path, PathBuf};

use audit::epsilon::percent;
use base::config::{self, Override};
use base::ids::RunId;
use clap::Subcommand;
use node::model_store;
use node::pki::{Identity, Role};
use node::statistics_store::StatisticsStore;
use plan::experiment::{DataTag, Experiment, Plan, StatisticsRequest};
use plan::policy::{Asker, BrokenRule, Policy, PolicyDecision};
use privacy::{Account, Budget, Cost, LedgerError, epsilon, shown_epsilon};
use serde_json::{Value, json};
use site_node::privatize::LedgerLog;
use site_node::settings::SiteSettings;

use super::Format;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Check an experiment against this hospital's policy and ledger, rule by rule.
    Explain(Explain),
}

#[derive(clap::Args)]
pub(super) struct Explain {
    /// The experiment's file, as the researcher sent it.
    experiment: PathBuf,
    /// The site's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "site-node.toml")]
    config: PathBuf,
    /// A value in place of the file's, such as privacy.epsilon=3; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(verb: &Verb) -> Result<(), Box<dyn Error>> {
    let Verb::Explain(args) = verb;
    let mut experiment: Experiment = config::load(&args.experiment, &args.overrides)?;
    model_store::begin_of_file(&mut experiment, &args.experiment)?;
    let Experiment { plan, describe, .. } = experiment;
    let here = Here::open(&args.config)?;
    let decisions = here.explain(&plan);
    let accepted = decisions.iter().all(|decision| decision.kept);
    let described = here.describes(&describe.question(&plan)?.0);
    match args.format {
        Format::Table => {
            table(&plan, here.charged(&plan).as_ref(), &decisions)?;
            println!("\n{}", described.line());
        }
        Format::Json => {
            let rules = decisions.iter().map(|PolicyDecision { rule, asked, allowed, kept }| {
                json!({ "rule": rule, "kept": kept, "asked": asked, "allowed": allowed })
            });
            let experiment = &plan.name;
            let epsilon = plan.privacy.epsilon(plan.rounds)?;
            let rules: Vec<_> = rules.collect();
            println!(
                "{}",
                json!({ "experiment": experiment, "accepted": accepted, "epsilon": epsilon,
                        "charged": here.charged(&plan).map(|charged| charged.json()),
                        "warnings": plan.cautions(), "rules": rules,
                        "description": described.json() })
            );
        }
    }
    if accepted { Ok(()) } else { Err("this hospital would refuse the experiment".into()) }
}

/// What this hospital says yes and no by.
struct Here {
    policy: Policy,
    identity: Identity,
    tag: DataTag,
    account: Account,
    /// The folder of what outlives the process.
    state: PathBuf,
    /// How many tables of measurements there are.
    measurements: usize,
}

impl Here {
    fn open(config: &Path) -> Result<Self, Box<dyn Error>> {
        let settings = SiteSettings::load(config)?;
        let policy = Policy::load(&settings.policy)?;
        let identity = Identity::load(&settings.identity)?;
        let tracking = settings.audit.tracking;
        let data_set = settings.data_set.parse()?;
        let found = LedgerLog::inspect(tracking, &settings.state, &data_set)?;
        super::note_violation(found.violation.as_deref());
        let told = found.told;
        let account = Account::after(policy.limits, told.carried, told.entries)?;
        let measurements = settings.source()?.measurements.len();
        Ok(Self {
            policy,
            identity,
            tag: settings.tag,
            account,
            state: settings.state,
            measurements,
        })
    }

    fn asker(&self) -> Asker<'_> {
        Asker { coordinator: Some(&self.identity.authority), tag: Some(self.tag) }
    }

    fn explain(&self, plan: &Plan) -> Vec<PolicyDecision> {
        let mut decisions = self.policy.judge(plan, self.asker());
        if let Err(BrokenRule { rule, reason }) =
            self.policy.admit_measurements(&plan.views, self.measurements)
        {
            let allowed = "measurements that are listed with their tables".to_owned();
            decisions.push(PolicyDecision { rule, asked: reason, allowed, kept: false });
        }
        let releases = plan.privacy.releases(plan.rounds);
        // A run that this ledger never heard of.
        let run = RunId::memorable(0);
        let refused = self.account.foresee(&run, plan.digest(), releases).err();
        let Budget { epsilon, delta } = self.account.limit().budget();
        let used = super::budget::share(self.account.limit().used(self.account.spent()));
        decisions.push(PolicyDecision {
            rule: refused.as_ref().and_then(LedgerError::rule).unwrap_or("policy.budget"),
            kept: refused.is_none(),
            asked: refused
                .map_or_else(|| "fits what is left".to_owned(), |error| error.to_string()),
            allowed: format!("ε {epsilon} at δ {delta:e}, of which {used} is used"),
        });
        decisions
    }

    /// What the ledger would charge for a run; none where no noise is added.
    fn charged(&self, plan: &Plan) -> Option<Charged> {
        let cost = Cost::of_run(plan.privacy.releases(plan.rounds));
        let limit = self.account.limit();
        let spent = self.account.spent();
        let after = spent.add(&cost);
        let delta = limit.budget().delta;
        let state = |cost: &Cost| (cost.epsilon(delta), limit.used(cost));
        (!cost.is_zero()).then(|| Charged {
            delta,
            own: state(&cost),
            before: state(spent),
            after: state(&after),
        })
    }

    /// What would be answered to a statistics request, and what it would cost.
    fn describes(&self, question: &StatisticsRequest) -> StatisticsReply {
        let views = question.inputs.iter().map(|input| &input.view);
        let admitted = self.policy.admit_statistics(question, self.asker());
        let denied =
            admitted.and_then(|()| self.policy.admit_measurements(views, self.measurements)).err();
        let denied = denied.map(|BrokenRule { rule, reason }| (rule, reason));
        let foreseen = self.account.foresee_statistics(
            &question.run(),
            question.mechanism(),
            question.count(),
        );
        let verdict = match (denied, foreseen) {
            (Some((rule, reason)), _) => Verdict::Refused { rule, reason },
            (None, Ok(())) => Verdict::Allowed,
            (None, Err(LedgerError::Answered { .. })) if self.keeps(question) => Verdict::Answered,
            (None, Err(error)) => {
                let rule = error.rule().unwrap_or("ledger");
                Verdict::Refused { rule, reason: error.to_string() }
            }
        };
        let delta = self.account.limit().budget().delta;
        StatisticsReply {
            releases: question.count(),
            epsilon: epsilon(question.rho, delta),
            charged: Cost::of(question.mechanism())
                .times(u64::from(question.count()))
                .epsilon(delta),
            delta,
            verdict,
        }
    }

    /// Whether an answer to this statistics request is kept. It is sent again at no cost.
    fn keeps(&self, question: &StatisticsRequest) -> bool {
        let Role::Site(name) = &self.identity.role else { return false };
        StatisticsStore::of(&self.state, question).sites().contains(name)
    }
}

/// What a run would be charged here: each as ε, and as the part of the budget.
struct Charged {
    delta: f64,
    own: (f64, f64),
    before: (f64, f64),
    after: (f64, f64),
}

impl Charged {
    fn lines(&self) -> [(&'static str, String); 2] {
        let said = |(epsilon, used): (f64, f64)| {
            if epsilon.is_infinite() {
                return "all of the budget".to_owned();
            }
            format!("ε = {} ({} of the budget)", shown_epsilon(epsilon), percent(used))
        };
        let delta = self.delta;
        let charged = format!("{} at δ = {delta:e} by this hospital's ledger", said(self.own));
        let spent = format!("{} before it, {} after it", said(self.before), said(self.after));
        [("charged", charged), ("spent", spent)]
    }

    fn json(&self) -> Value {
        let said = |(epsilon, used): (f64, f64)| json!({ "epsilon": epsilon, "used": used });
        json!({ "epsilon": self.own.0, "used": self.own.1, "delta": self.delta,
                "spent_before": said(self.before), "spent_after": said(self.after) })
    }
}

/// What `coordinator describe` would come to here.
struct StatisticsReply {
    releases: u32,
    /// ε promised.
    epsilon: f64,
    /// ε charged.
    charged: f64,
    delta: f64,
    verdict: Verdict,
}

/// What this hospital would answer to a statistics request.
enum Verdict {
    /// It is answered where there are enough patients.
    Allowed,
    /// It was answered, and the same answer is sent again at no cost.
    Answered,
    /// A rule says no.
    Refused { rule: &'static str, reason: String },
}

impl StatisticsReply {
    fn line(&self) -> String {
        let Self { releases, epsilon, charged, delta, verdict } = self;
        let verdict = match verdict {
            Verdict::Allowed => "allowed; answered if the cohort suffices".to_owned(),
            Verdict::Answered => {
                "answered and charged before; the same answer would be sent again at no cost"
                    .to_owned()
            }
            Verdict::Refused { rule, reason } => format!("would be refused: {rule}: {reason}"),
        };
        let [epsilon, charged] = [*epsilon, *charged].map(shown_epsilon);
        format!(
            "described by {releases} releases, ε = {epsilon} promised and ε = {charged} charged at δ = {delta:e}: \
             {verdict}"
        )
    }

    fn json(&self) -> Value {
        let rule = match &self.verdict {
            Verdict::Refused { rule, .. } => Some(rule),
            Verdict::Allowed | Verdict::Answered => None,
        };
        let answered = matches!(self.verdict, Verdict::Answered);
        json!({ "accepted": rule.is_none(), "answered_before": answered, "epsilon": self.epsilon,
                "epsilon_charged": self.charged, "delta": self.delta,
                "releases": self.releases, "refused_by": rule })
    }
}

/// What else leaves in the end, with noise.
fn evaluated(plan: &Plan) -> String {
    let Some(asked) = &plan.privacy.evaluation else { return String::new() };
    match &asked.ablated[..] {
        [] => ", and one noised concordance".to_owned(),
        parts => {
            format!(", and one noised concordance, with what it loses without {}", parts.join(", "))
        }
    }
}

fn table(
    plan: &Plan,
    charged: Option<&Charged>,
    decisions: &[PolicyDecision],
) -> Result<(), Box<dyn Error>> {
    println!("experiment {}, {} rounds, mode {}", plan.name, plan.rounds, plan.privacy.mode.name());
    match (plan.privacy.epsilon(plan.rounds)?, plan.privacy.mechanism().unit()) {
        (Some(epsilon), Some(unit)) => {
            let epsilon = shown_epsilon(epsilon);
            println!("promised    ε = {epsilon} at δ = {:e} for {unit}", plan.privacy.delta);
        }
        _ => println!("promised    nothing: no noise"),
    }
    for (name, value) in charged.into_iter().flat_map(Charged::lines) {
        println!("{name:<12}{value}");
    }
    println!(
        "would send  {:.1} KiB per round, {} rounds{}; nothing else that depends on a patient, save \
         whether there are enough of them and the columns are fit to use",
        // Each parameter is four bytes.
        plan.model.parameters() as f64 * 4.0 / 1024.0,
        plan.rounds,
        evaluated(plan),
    );
    for warning in plan.cautions() {
        println!("warning     {warning}");
    }
    println!();
    for PolicyDecision { rule, asked, allowed, kept } in decisions {
        let mark = if *kept { "ok" } else { "NO" };
        println!("{mark}  {rule:<30}{asked}; allowed: {allowed}");
    }
    Ok(())
}

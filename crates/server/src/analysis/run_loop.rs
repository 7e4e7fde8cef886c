//! The cycle of analyses: looks for changes of the inputs, analyses, writes what was found, and answers for recommendations.
//!
//! A task watches the clock, the inputs and the store; each analysis lives on a thread of its own, which writes its findings and
//! then stays to answer requests until the next one is ready. So there is always somebody to ask, and an analysis never has
//! to cross threads. It judges nothing itself.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::analysis::Analysis;
use leastwise::backtest::{RequestLog, Scope as Replayed};
use leastwise::findings::{Found, find};
use leastwise::recommend::{Advisor, Basis};
use leastwise::refine::Choices;
use leastwise::report::findings::FindingsReport;
use leastwise::usage::{EventMapper, TrackingPeriod};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::analysis::Message;
use crate::analysis::finding_record::{describe, exclusions, is_looked_at};
use crate::analysis::recommend::advise;
use crate::analysis::risk::Risks;
use crate::analysis::{Inputs, Logs};
use crate::clock;
use crate::state::{AppState, analyzer_arn};
use crate::store::{Analyzer, Change, FoundFinding, NewAnalyzer, RunSummary, Scope, Store, StoreError};

/// The cycle, running.
pub(crate) struct AnalysisLoop {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Findings that are described and handed to the store at once.
const BATCH: usize = 500;
/// After so long the inputs are analysed again although they have not changed: the tracking period has moved on.
const STALE: i64 = DAY;
/// For how long a server that has said nothing is still in charge of writing, in seconds.
const LEASE: i64 = 120;
const LEASE_NAME: &str = "cycle";

impl AnalysisLoop {
    /// Starts it.
    pub(crate) fn start(state: AppState, inputs: Arc<dyn Inputs>) -> AnalysisLoop {
        let (stop, stopped) = watch::channel(false);
        AnalysisLoop {
            stop,
            task: tokio::spawn(supervise("the cycle of analyses", stopped, move |stopped| {
                run(state.clone(), inputs.clone(), stopped)
            })),
        }
    }

    /// Stops it. An analysis that is not complete is given up; nothing of it was visible.
    pub(crate) async fn stop(self) {
        self.stop.send(true).ok();
        self.task.await.ok();
    }
}

/// Runs a task that lives as long as the server, and begins it anew after a panic.
pub(crate) async fn supervise<F>(name: &str, mut stopped: watch::Receiver<bool>, task: impl Fn(watch::Receiver<bool>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(task(stopped.clone())).await {
        tracing::error!(%error, "{name} ended by a panic and begins anew; this is a mistake of leastwise");
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(AFTER_PANIC) => {}
        }
    }
}

/// The pause after a panic.
const AFTER_PANIC: Duration = Duration::from_secs(5);

struct Running {
    state: AppState,
    inputs: Arc<dyn Inputs>,
    holder: String,
    /// The inputs that were analysed last, and when.
    analysed: Option<(u64, Timestamp)>,
    /// When retention and history were last seen to.
    tended: Option<Timestamp>,
}

async fn run(state: AppState, inputs: Arc<dyn Inputs>, mut stopped: watch::Receiver<bool>) {
    let mut noise = [0; 8];
    getrandom::fill(&mut noise).ok();
    let holder = format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(noise));
    let mut running = Running { state, inputs, holder, analysed: None, tended: None };
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            // A round ends early only when the server stops: what was staged is cleaned up at the next start.
            problem = running.round() => if let Err(error) = problem {
                tracing::error!("the round failed, and is tried again: {error}");
            }
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = running.state.desk.woken() => {}
            () = tokio::time::sleep(running.state.options.rescan) => {}
        }
    }
    running.state.desk.hand_over(None);
    running.state.store.release(LEASE_NAME, &running.holder).await.ok();
}

impl Running {
    async fn round(&mut self) -> Result<(), StoreError> {
        let store = self.state.store.clone();
        let now = clock::now();
        let writes = store.lease(LEASE_NAME, &self.holder, now, LEASE.max(2 * self.rescan_seconds())).await?;
        if writes && self.tended.is_none_or(|at| now.seconds() - at.seconds() >= 60) {
            store.reopen_due(now).await?;
            store.delete_old(now).await?;
            store.clear_away().await?;
            store.forget_tokens(now).await?;
            store.keep_history(now).await?;
            self.tended = Some(now);
        }
        let inputs = self.inputs.clone();
        match tokio::task::spawn_blocking(move || inputs.organizational_units()).await {
            Ok(Ok(units)) => self.state.units.replace(units),
            Ok(Err(failure)) => tracing::error!("the organizational units stay as they were: {failure}"),
            Err(error) => tracing::error!("the organizational units stay as they were: {error}"),
        }
        let inputs = self.inputs.clone();
        let mark = tokio::task::spawn_blocking(move || inputs.mark()).await.unwrap_or_default();
        let changed = self.analysed.is_none_or(|(known, at)| known != mark || now.seconds() - at.seconds() >= STALE);
        let pending = writes && all_analyzers(&store).await?.iter().any(|analyzer| analyzer.is_pending);
        if changed {
            self.analyse(writes).await;
            self.analysed = Some((mark, now));
        } else if pending && let Some(written) = self.state.desk.analyse() {
            written.await.ok();
        }
        Ok(())
    }

    fn rescan_seconds(&self) -> i64 {
        i64::try_from(self.state.options.rescan.as_secs()).unwrap_or(LEASE)
    }

    /// Analyses the inputs on a new thread, which takes over from the last one when its findings are written.
    async fn analyse(&self, writes: bool) {
        let (ready, is_ready) = oneshot::channel();
        let (state, inputs, handle) = (self.state.clone(), self.inputs.clone(), Handle::current());
        let (holder, lease) = (self.holder.clone(), LEASE.max(2 * self.rescan_seconds()));
        let spawned = std::thread::Builder::new().name("analysis".to_owned()).spawn(move || {
            let mut ready = Some(ready);
            let started = std::time::Instant::now();
            let present = inputs.present();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                inputs.analyse(present, &mut |analysis, logs| {
                    let thread = Thread { state: &state, handle: &handle, present, holder: &holder, lease };
                    thread.live(analysis, logs, writes, started.elapsed(), &mut ready);
                })
            }));
            let why = match outcome {
                Ok(Ok(())) => return,
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => "the analysis ended by a panic; this is a mistake of leastwise, and the log says more".to_owned(),
            };
            tracing::error!("the inputs cannot be analysed: {why}");
            handle.block_on(note_failure(&state.store, &why));
        });
        match spawned {
            Ok(_) => {
                // An error means that the thread ended without being ready, which it has logged.
                is_ready.await.ok();
            }
            Err(error) => tracing::error!("no thread for the analysis: {error}"),
        }
    }
}

/// Does one thing for one request; a panic ends that and not the analysis, which it cannot have changed.
fn alone<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if done.is_err() {
        tracing::error!("a question to the analysis ended by a panic; this is a mistake of leastwise");
    }
    done.ok()
}

/// Keeps why there is no analysis, for whoever looks at the coverage.
async fn note_failure(store: &Store, why: &str) {
    for analyzer in all_analyzers(store).await.unwrap_or_default() {
        if let Ok(run) = store.begin_run(&analyzer, clock::now()).await {
            run.abandon(why).await.ok();
        }
    }
}

async fn all_analyzers(store: &Store) -> Result<Vec<Analyzer>, StoreError> {
    let mut all: Vec<Analyzer> = Vec::new();
    loop {
        let page = store.analyzers(all.last().map(|analyzer| analyzer.name.as_str()), 100).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The thread of one analysis.
struct Thread<'t> {
    state: &'t AppState,
    handle: &'t Handle,
    present: Timestamp,
    /// Who is in charge of writing, and for how many seconds from when it last said so.
    holder: &'t str,
    lease: i64,
}

impl Thread<'_> {
    /// Writes what was found, takes charge, and answers until somebody else is in charge.
    fn live(
        &self,
        mut analysis: Analysis<'_>,
        logs: &Logs<'_>,
        writes: bool,
        read_for: Duration,
        ready: &mut Option<oneshot::Sender<()>>,
    ) {
        tracing::info!(seconds = read_for.as_secs_f64(), "the inputs are read");
        let (sender, messages) = mpsc::channel();
        let mut sender = Some(sender);
        if self.state.desk.is_vacant() {
            // Who asks between the first findings and the last log that is read again waits, instead of being turned away.
            self.state.desk.hand_over(sender.take());
        }
        if writes {
            if let Err(error) = self.handle.block_on(default_analyzer(self.state, &analysis)) {
                tracing::error!("no default analyzer: {error}");
            }
            self.write_all(&mut analysis, false);
        }
        // Of its own, since the analysis changes its period for each analyzer, and what was read stays.
        let mapper = EventMapper::new(analysis.mapper.catalogue());
        let mut requested: BTreeMap<u32, RequestLog<'_>> = BTreeMap::new();
        loop {
            let periods: BTreeMap<u32, TrackingPeriod> = self.periods();
            requested.retain(|days, _| periods.contains_key(days));
            let mut new: BTreeMap<u32, RequestLog<'_>> = periods
                .iter()
                .filter(|(days, _)| !requested.contains_key(days))
                .map(|(days, period)| (*days, RequestLog::new(&mapper, Replayed::All, *period)))
                .collect();
            // Logs are read again only for a period that no analyzer had before.
            if !new.is_empty() {
                logs(&mut |event| new.values_mut().for_each(|log| log.record(event)));
                requested.append(&mut new);
            }
            let asked = {
                let advised = |(days, period): (&u32, &TrackingPeriod)| {
                    let basis = Basis { period: *period, ..Basis::of(&analysis, Choices::default()) };
                    (*days, (basis, Advisor::new(basis)))
                };
                let advised: BTreeMap<u32, (Basis<'_>, Advisor<'_>)> = periods.iter().map(advised).collect();
                if let Some(sender) = sender.take() {
                    self.state.desk.hand_over(Some(sender));
                }
                if let Some(ready) = ready.take() {
                    ready.send(()).ok();
                }
                loop {
                    match messages.recv() {
                        Err(_) => break None,
                        Ok(Message::Analyse { reply }) => break Some(reply),
                        Ok(Message::Ask { days, question }) => {
                            // Without the period the question is dropped, which its asker sees.
                            if let Some((basis, _)) = advised.get(&days) {
                                alone(|| question(&analysis, basis));
                            }
                        }
                        Ok(Message::Recommend { resource, days, reply }) => {
                            // A period that no analyzer had when the logs were read is not there; its analysis will follow.
                            let advice = match (advised.get(&days), requested.get(&days)) {
                                (Some((basis, advisor)), Some(log)) => {
                                    alone(|| advise(&analysis.access, basis, advisor, log, &resource)).unwrap_or_else(|| {
                                        Err(crate::store::RecommendationError {
                                            code: "INTERNAL".to_owned(),
                                            message: "making the recommendation ended by a panic; this is a mistake of leastwise"
                                                .to_owned(),
                                        })
                                    })
                                }
                                _ => Err(crate::store::RecommendationError {
                                    code: "NOT_ANALYSED".to_owned(),
                                    message: "the analyzer has not been analysed yet; ask again in a moment".to_owned(),
                                }),
                            };
                            reply.send(advice).ok();
                        }
                    }
                }
            };
            let Some(reply) = asked else { return };
            self.write_all(&mut analysis, true);
            reply.send(()).ok();
        }
    }

    /// The tracking periods of all analyzers, by their days.
    fn periods(&self) -> BTreeMap<u32, TrackingPeriod> {
        let analyzers = self.handle.block_on(all_analyzers(&self.state.store)).unwrap_or_default();
        let period = |days| Some((days, TrackingPeriod::ending(self.present, days)?));
        analyzers.iter().filter_map(|analyzer| period(analyzer.unused_access_age)).collect()
    }

    /// Writes the findings of all analyzers, or of those that are pending.
    fn write_all(&self, analysis: &mut Analysis<'_>, only_pending: bool) {
        let analyzers = match self.handle.block_on(all_analyzers(&self.state.store)) {
            Ok(analyzers) => analyzers,
            Err(error) => return tracing::error!("the analyzers cannot be read: {error}"),
        };
        let risks = Risks::of(analysis.access.actions());
        for analyzer in analyzers.iter().filter(|analyzer| analyzer.is_pending || !only_pending) {
            let Some(period) = TrackingPeriod::ending(self.present, analyzer.unused_access_age) else { continue };
            analysis.period = period;
            match self.write(analysis, &risks, analyzer) {
                Ok(RunSummary { found, opened, resolved }) => {
                    tracing::info!(analyzer = analyzer.name, found, opened, resolved, "analysed");
                }
                Err(error) => tracing::error!(analyzer = analyzer.name, "the findings cannot be written: {error}"),
            }
        }
    }

    fn write(&self, analysis: &Analysis<'_>, risks: &Risks, analyzer: &Analyzer) -> Result<RunSummary, StoreError> {
        let mut run = self.handle.block_on(self.state.store.begin_run(analyzer, clock::now()))?;
        let Found { mut findings, coverage } = find(analysis, &exclusions(analyzer));
        findings.retain(|finding| is_looked_at(analysis, analyzer, finding.resource));
        findings.sort_by(|one, other| one.id.cmp(&other.id));
        let mut said = clock::now();
        for part in findings.chunks(BATCH) {
            // Writing may take longer than a lease.
            let now = clock::now();
            if now.seconds() - said.seconds() >= self.lease / 4 {
                self.handle.block_on(self.state.store.lease(LEASE_NAME, self.holder, now, self.lease))?;
                said = now;
            }
            let described =
                part.iter().map(|finding| describe(analysis, risks, finding)).collect::<Result<Vec<FoundFinding>, _>>();
            let described = described.map_err(|error| StoreError::Unexpected(error.to_string()))?;
            if let Err(error) = self.handle.block_on(run.take(described)) {
                self.handle.block_on(run.abandon(&error.to_string())).ok();
                return Err(error);
            }
        }
        let rest = Found { findings: Vec::new(), coverage };
        let report = serde_json::to_string(&FindingsReport::new(analysis, &rest)).unwrap_or_default();
        self.handle.block_on(run.publish(&report, clock::now()))
    }
}

/// Makes the analyzer `leastwise` when there is none at all, so that there is something to look at.
async fn default_analyzer(state: &AppState, analysis: &Analysis<'_>) -> Result<(), StoreError> {
    if state.store.setting("default-analyzer").await?.is_some() || !state.store.analyzers(None, 1).await?.is_empty() {
        return Ok(());
    }
    let accounts = analysis.access.accounts();
    let Some(first) = accounts.first() else { return Ok(()) };
    let own = state.options.account.unwrap_or(first.id).to_string();
    let new = NewAnalyzer {
        name: "leastwise".to_owned(),
        arn: analyzer_arn(&state.options.region, &own, "leastwise"),
        scope: if accounts.len() > 1 { Scope::Organization } else { Scope::Account },
        unused_access_age: days_of(analysis),
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
    };
    match state.store.create_analyzer(&new, &Change::own()).await {
        Ok(_) | Err(StoreError::Exists { .. }) => {}
        Err(error) => return Err(error),
    }
    // Who deletes it does not get it again.
    state.store.settle("default-analyzer", &new.arn).await?;
    Ok(())
}

fn days_of(analysis: &Analysis<'_>) -> u32 {
    let days = (analysis.period.end.seconds() - analysis.period.start.seconds()) / DAY;
    u32::try_from(days).ok().filter(|days| (1..=365).contains(days)).unwrap_or(90)
}

//! The long-running roles: the scheduler, and the workers that it gives tasks to.
//!
//! Ballista's own processes with our functions registered. Workers ask the scheduler for tasks: where it sends them
//! instead, a job waits for ever after a worker was lost whose rows another task was fetching (55.0). They know no passwords: whoever reaches their ports can have
//! anything read that they can read (docs/cluster.md), so they listen on this machine only unless they are told otherwise.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use crate::error::ClusterError;
use crate::functions;
use crate::job::{Address, MOST_IN_MESSAGE, ready};
use crate::stores;

/// How a scheduler runs.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// A worker that was not heard of for so many seconds is lost, and its work is done again elsewhere. A busy one is heard
    /// of every 5 seconds.
    pub worker_timeout: u64,
}

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its scheduler.
    pub scheduler: Address,
    /// Which of this machine's addresses it listens on.
    pub listen: IpAddr,
    /// What others reach it by; the address that the scheduler sees unless given.
    pub advertise: Option<String>,
    /// The port that others fetch rows from; 0 is any free one.
    pub port: u16,
    /// How many tasks run at a time, at least 1.
    pub cores: usize,
    /// Bytes of memory for sorting and adding up, before it goes on on disk; 70 % of the machine's unless given.
    pub memory: Option<u64>,
    /// Where rows on their way are kept, in a folder of this worker that is removed at the end; made when it is not there.
    pub work: PathBuf,
}

/// Lost workers are looked for every so many seconds.
const LOOKED_FOR: u64 = 2;
/// Rows that were fetched are kept for so many seconds.
const KEPT: u64 = 60;

/// A runtime for one role.
pub(crate) fn runtime(role: &'static str) -> Result<tokio::runtime::Runtime, ClusterError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Plans are walked recursively.
        .thread_stack_size(16 << 20)
        .build()
        .map_err(|error| ClusterError::Role { role, message: error.to_string() })
}

/// Runs a scheduler until it is killed. `started` hears where it listens.
///
/// # Errors
/// It cannot listen there.
pub fn scheduler(options: &SchedulerOptions, started: &dyn Fn(SocketAddr)) -> Result<(), ClusterError> {
    const ROLE: &str = "scheduler";
    let failed = |message: String| ClusterError::Role { role: ROLE, message };
    let serve = async {
        let shown = |error: std::io::Error| failed(format!("cannot listen on {}: {error}", options.listen));
        let listener = listening(options.listen).map_err(shown)?;
        let address = listener.local_addr().map_err(shown)?;
        let config = SchedulerConfig {
            bind_host: address.ip().to_string(),
            bind_port: address.port(),
            external_host: address.ip().to_string(),
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            executor_timeout_seconds: options.worker_timeout,
            expire_dead_executor_interval_seconds: LOOKED_FOR,
            no_executors_grace_period_seconds: options.worker_timeout,
            finished_job_data_clean_up_interval_seconds: KEPT,
            override_session_builder: Some(Arc::new(|config: SessionConfig| {
                let runtime = stores::runtime(&config, None)?;
                let mut state =
                    SessionStateBuilder::new_from_existing(default_session_builder(config)?).with_runtime_env(runtime).build();
                for function in functions::all() {
                    state.register_udf(function)?;
                }
                Ok(state)
            })),
            override_config_producer: Some(Arc::new(stores::config)),
            ..SchedulerConfig::default()
        };
        let of_engine = |error: ballista_core::error::BallistaError| failed(error.to_string());
        config.validate().map_err(of_engine)?;
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(of_engine)?;
        let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await.map_err(of_engine)?;
        started(address);
        start_grpc_service_with_listener(listener, server).await.map_err(of_engine)
    };
    runtime(ROLE)?.block_on(serve)
}

/// Listens so that answers leave at once, which those who are accepted inherit: the engine's own way holds small ones back
/// until the one before has been confirmed, up to 40 ms.
fn listening(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_nodelay(true)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Runs a worker until it is told to stop (SIGTERM, interrupt), letting tasks end. `started` hears its port.
///
/// # Errors
/// It cannot listen there, or does not reach its scheduler.
pub fn worker(options: &WorkerOptions, started: &dyn Fn(u16)) -> Result<(), ClusterError> {
    const ROLE: &str = "worker";
    let failed = |message: String| ClusterError::Role { role: ROLE, message };
    let port = free(options.listen, options.port)?;
    started(port);
    wait_for(&options.scheduler, CONNECT)?;
    // A folder of its own, since others may keep theirs in the same place.
    let work =
        options.work.join(format!("worker-{}-{port}", options.advertise.clone().unwrap_or_else(|| options.listen.to_string())));
    std::fs::create_dir_all(&work).map_err(|error| failed(format!("{}: {error}", work.display())))?;
    let mut registry = BallistaFunctionRegistry::default();
    for function in functions::all() {
        registry.scalar_functions.insert(function.name().to_owned(), function);
    }
    let folder = work.clone();
    let config = ExecutorProcessConfig {
        bind_host: options.listen.to_string(),
        external_host: options.advertise.clone(),
        port,
        scheduler_host: options.scheduler.host.clone(),
        scheduler_port: options.scheduler.port,
        vcores: options.cores.max(1),
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work.display().to_string()),
        memory_pool_size: options.memory,
        grpc_max_encoding_message_size: MOST_IN_MESSAGE,
        grpc_max_decoding_message_size: MOST_IN_MESSAGE,
        override_function_registry: Some(Arc::new(registry)),
        override_config_producer: Some(Arc::new(stores::config)),
        override_runtime_producer: Some(Arc::new(move |config: &SessionConfig| stores::runtime(config, Some(&folder)))),
        ..ExecutorProcessConfig::default()
    };
    let run = runtime(ROLE)?.block_on(start_executor_process(Arc::new(config)));
    // What is left there is of no use to anybody.
    let _ = std::fs::remove_dir_all(&work);
    run.map_err(|error| failed(error.to_string()))
}

/// A worker waits so long for its scheduler. The engine's own waiting has no end: the clock that it looks at is always at its beginning (55.0).
const CONNECT: Duration = Duration::from_secs(30);

/// Waits until somebody answers there as schedulers do.
fn wait_for(scheduler: &Address, patience: Duration) -> Result<(), ClusterError> {
    let begun = Instant::now();
    loop {
        match ready(scheduler) {
            Err(ClusterError::Unreachable { .. }) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(500)),
            Err(lost @ ClusterError::Unreachable { .. }) => return Err(lost),
            _ => return Ok(()),
        }
    }
}

/// The port, or a free one for 0.
fn free(listen: IpAddr, port: u16) -> Result<u16, ClusterError> {
    let bound = TcpListener::bind((listen, port)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| ClusterError::Role {
        role: "worker",
        message: format!("cannot listen on {}: {error}", SocketAddr::new(listen, port)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_that_does_not_come_is_not_waited_for_for_ever() {
        let nobody = Address { host: "127.0.0.1".to_owned(), port: 1 };
        let error = wait_for(&nobody, Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().starts_with("no scheduler answers at `127.0.0.1:1`: "), "{error}");
    }
}

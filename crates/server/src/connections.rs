//! Connections: how many there may be, how long each may take over what, and how they end when the server stops.
//!
//! Between the listener and the routers. Every connection is watched from outside of the HTTP library: a head that does not come, a
//! client that does not read, an idle line and a body that trickles end it. When all places are taken, further connections are served
//! `/healthz` and `/readyz` and nothing else, so that whoever watches the server can tell that it is busy and not dead. It knows no
//! operation and no user.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;
use tower::ServiceExt;

use crate::networks::Network;
use crate::tls::Handshakes;

/// What connections may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one address at a time; proxies that are trusted may have all.
    pub connections_per_address: usize,
    /// A request's head has to be there within this time, and a TLS handshake done.
    pub head_timeout: Duration,
    /// A request's body has to be there within this time.
    pub body_timeout: Duration,
    /// A request has to be answered within this time; a stream of events may go on.
    pub request_timeout: Duration,
    /// A connection without a request is closed after this time.
    pub idle_timeout: Duration,
    /// A client that takes nothing of an answer for this time is left.
    pub write_timeout: Duration,
    /// Requests that are under way when the server stops may take this time.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 1024,
            connections_per_address: 512,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            // Longer than the 60 seconds for which common proxies keep a connection, so that they close it and not we.
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(15),
        }
    }
}

/// Connections beyond the bound that are served health checks; the oldest makes way for the next.
const MAX_BUSY_CONNECTIONS: usize = 64;
/// How long one of them may take.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;
/// Bodies longer than this, or of unknown length, are read by few at a time.
const SHORT_BODY: u64 = 64 << 10;
/// Long bodies that are in hand at a time; each has at most `access_analyzer::MAX_BODY` bytes.
const MAX_LONG_BODIES: usize = 32;
/// How often connections are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Where a request comes from: the client's address, as the connection or a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The client's address. A proxy that is trusted says in the last element of `X-Forwarded-For` from whom it has the request; what
/// stands before that anybody may have written.
fn client(connection: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    if !trusted.iter().any(|network| network.contains(connection)) {
        return connection;
    }
    let last = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next()).map(str::trim);
    last.and_then(|text| text.parse().ok()).unwrap_or(connection)
}

/// What is served, and within which bounds.
pub(crate) struct Serving {
    pub(crate) router: Router,
    /// What is served when all places are taken.
    pub(crate) health: Router,
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) handshakes: Option<Handshakes>,
}

/// The places that are taken, by address.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place, free again when it is dropped.
struct Seat {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

impl Seat {
    fn take(taken: &Arc<Mutex<Taken>>, address: IpAddr, limits: &Limits, is_proxy: bool) -> Option<Seat> {
        let mut now = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = now.by_address.get(&address).copied().unwrap_or_default();
        if now.all >= limits.connections || (own >= limits.connections_per_address && !is_proxy) {
            return None;
        }
        now.all += 1;
        now.by_address.insert(address, own + 1);
        Some(Seat { taken: taken.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut now = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        now.all = now.all.saturating_sub(1);
        if let Some(own) = now.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                now.by_address.remove(&self.address);
            }
        }
    }
}

/// Takes connections until it is told to stop, then lets requests end.
pub(crate) async fn run(mut listener: TcpListener, serving: Serving, mut stopping: watch::Receiver<bool>) {
    let serving = Arc::new(serving);
    let long_bodies = Arc::new(Semaphore::new(MAX_LONG_BODIES));
    let taken = Arc::new(Mutex::new(Taken::default()));
    let mut connections = JoinSet::new();
    let mut busy: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (stream, address) = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            // Waits and goes on by itself when there are no more sockets.
            accepted = axum::serve::Listener::accept(&mut listener) => accepted,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                report(ended);
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let is_proxy = serving.trusted_proxies.iter().any(|network| network.contains(address.ip()));
        let seat = Seat::take(&taken, address.ip(), &serving.limits, is_proxy);
        let is_busy = seat.is_none();
        let one = Connection {
            serving: serving.clone(),
            address,
            long_bodies: long_bodies.clone(),
            stopping: stopping.clone(),
            is_busy,
            _seat: seat,
        };
        let task = connections.spawn(one.serve(stream));
        if is_busy {
            busy.retain(|one| !one.is_finished());
            if busy.len() >= MAX_BUSY_CONNECTIONS
                && let Some(oldest) = busy.pop_front()
            {
                oldest.abort();
            }
            busy.push_back(task);
        }
    }
    drop(listener);
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(serving.limits.stop_timeout, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests that did not end in time are given up");
    }
    connections.shutdown().await;
}

/// A panic that no layer has caught ends its connection and is logged.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by a panic; this is a mistake of leastwise");
    }
}

struct Connection {
    serving: Arc<Serving>,
    address: SocketAddr,
    long_bodies: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    is_busy: bool,
    _seat: Option<Seat>,
}

impl Connection {
    async fn serve(self, stream: tokio::net::TcpStream) {
        match &self.serving.handshakes {
            None => self.speak(stream).await,
            Some(handshakes) => {
                let mut stopping = self.stopping.clone();
                let encrypted = tokio::select! {
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                    done = tokio::time::timeout(self.serving.limits.head_timeout, handshakes.accept(stream)) => done,
                };
                match encrypted {
                    Ok(Ok(stream)) => self.speak(stream).await,
                    Ok(Err(error)) => tracing::debug!(address = %self.address, %error, "a handshake failed"),
                    Err(_) => tracing::debug!(address = %self.address, "a handshake took too long"),
                }
            }
        }
    }

    async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let pulse = Arc::new(Pulse::default());
        let io = TokioIo::new(Watched { stream, pulse: pulse.clone() });
        let service = service_fn(|request: hyper::Request<Incoming>| self.answer(request, &pulse));
        let connection = http1::Builder::new().max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS).serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut stopping = self.stopping.clone();
        let mut look = tokio::time::interval(WATCH_INTERVAL);
        let began = Instant::now();
        let mut stopped = None;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(address = %self.address, %error, "a connection ended");
                    }
                    return;
                }
                _ = stopping.wait_for(|stopping| *stopping), if stopped.is_none() => {
                    stopped = Some(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                _ = look.tick() => {
                    let is_late = pulse.is_late(&self.serving.limits, Instant::now())
                        || (self.is_busy && began.elapsed() > BUSY_TIMEOUT)
                        // Nobody waits for a request that has not come.
                        || (stopped.is_some_and(|at: Instant| at.elapsed() > WATCH_INTERVAL) && pulse.is_without_request());
                    if is_late {
                        tracing::debug!(address = %self.address, "a connection took too long");
                        return;
                    }
                }
            }
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        pulse: &Arc<Pulse>,
    ) -> Result<Response<Body>, std::convert::Infallible> {
        let under_way = UnderWay::begin(pulse);
        let (mut head, body) = request.into_parts();
        head.extensions.insert(Peer(client(self.address.ip(), &head.headers, &self.serving.trusted_proxies)));
        let length = body.size_hint().exact();
        let permit = match length {
            Some(length) if length <= SHORT_BODY => None,
            _ => match self.long_bodies.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return Ok(busy(under_way)),
            },
        };
        let ends = tokio::time::sleep(self.serving.limits.body_timeout);
        let body = Body::new(Timed { body, ends: Box::pin(ends), _permit: permit });
        let router = if self.is_busy { &self.serving.health } else { &self.serving.router };
        let answered = router.clone().oneshot(Request::from_parts(head, body));
        let answer = match tokio::time::timeout(self.serving.limits.request_timeout, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            Err(_) => {
                let mut late = Response::new(Body::from("the request took too long\n"));
                *late.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                late
            }
        };
        let mut answer = answer.map(|body| Body::new(Counted { body, _under_way: under_way }));
        if self.is_busy {
            answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        Ok(answer)
    }
}

/// The answer when there is no place for a body.
fn busy(under_way: UnderWay) -> Response<Body> {
    let body = Body::from("the server is busy; ask again in a moment\n");
    let mut answer = Response::new(Body::new(Counted { body, _under_way: under_way }));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    answer
}

/// What a connection is doing, as it is seen from outside.
#[derive(Debug)]
struct Pulse(Mutex<Doing>);

#[derive(Debug)]
struct Doing {
    /// Requests whose answers are not written yet.
    under_way: usize,
    /// Whether there was a request at all.
    had_request: bool,
    /// Since when it has nothing to do.
    idle_since: Instant,
    /// When the first byte of the next request came.
    head_since: Option<Instant>,
    /// Since when the client takes nothing.
    stuck_since: Option<Instant>,
}

impl Default for Pulse {
    fn default() -> Pulse {
        let doing = Doing { under_way: 0, had_request: false, idle_since: Instant::now(), head_since: None, stuck_since: None };
        Pulse(Mutex::new(doing))
    }
}

impl Pulse {
    fn with<T>(&self, act: impl FnOnce(&mut Doing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_without_request(&self) -> bool {
        self.with(|doing| doing.under_way == 0 && doing.stuck_since.is_none())
    }

    fn is_late(&self, limits: &Limits, now: Instant) -> bool {
        let past = |since: Instant, limit: Duration| now.saturating_duration_since(since) > limit;
        self.with(|doing| {
            if doing.stuck_since.is_some_and(|since| past(since, limits.write_timeout)) {
                return true;
            }
            match (doing.under_way, doing.head_since, doing.had_request) {
                (0, Some(since), _) => past(since, limits.head_timeout),
                (0, None, false) => past(doing.idle_since, limits.head_timeout),
                (0, None, true) => past(doing.idle_since, limits.idle_timeout),
                _ => false,
            }
        })
    }
}

/// A request from its head to the end of its answer.
struct UnderWay(Arc<Pulse>);

impl UnderWay {
    fn begin(pulse: &Arc<Pulse>) -> UnderWay {
        pulse.with(|doing| {
            doing.under_way += 1;
            (doing.had_request, doing.head_since) = (true, None);
        });
        UnderWay(pulse.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.with(|doing| {
            doing.under_way = doing.under_way.saturating_sub(1);
            doing.idle_since = Instant::now();
        });
    }
}

/// The body of an answer, which counts as under way until it is written.
struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request, which has to end in time.
struct Timed {
    body: Incoming,
    ends: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => match self.ends.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err("the body did not come in time".into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells its pulse when bytes come, and when the other side takes none.
struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Watched<S> {
    fn wrote<T>(&self, done: Poll<T>) -> Poll<T> {
        let is_stuck = done.is_pending();
        self.pulse.with(|doing| match (is_stuck, doing.stuck_since) {
            (true, None) => doing.stuck_since = Some(Instant::now()),
            (true, Some(_)) => {}
            (false, _) => doing.stuck_since = None,
        });
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.with(|doing| {
                if doing.under_way == 0 && doing.head_since.is_none() {
                    doing.head_since = Some(Instant::now());
                }
            });
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { connections: 3, connections_per_address: 2, ..Limits::default() }
    }

    #[test]
    fn one_address_cannot_take_all_places_and_a_trusted_proxy_can() {
        let taken = Arc::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = Seat::take(&taken, one, &limits(), false).unwrap();
        let _second = Seat::take(&taken, one, &limits(), false).unwrap();
        assert!(Seat::take(&taken, one, &limits(), false).is_none());
        let third = Seat::take(&taken, other, &limits(), false).unwrap();
        assert!(Seat::take(&taken, other, &limits(), true).is_none(), "there are three places");
        drop((first, third));
        assert!(Seat::take(&taken, one, &limits(), true).is_some());
        assert_eq!(taken.lock().unwrap().by_address.len(), 1, "addresses that are gone are forgotten");
    }

    #[test]
    fn only_a_trusted_proxy_says_from_whom_a_request_is() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "198.51.100.9, 203.0.113.7".parse().unwrap());
        let (proxy, trusted) = ("10.0.0.1".parse().unwrap(), [Network::parse("10.0.0.0/8").unwrap()]);
        assert_eq!(client(proxy, &headers, &trusted).to_string(), "203.0.113.7");
        assert_eq!(client("192.0.2.1".parse().unwrap(), &headers, &trusted).to_string(), "192.0.2.1");
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(client(proxy, &headers, &trusted), proxy);
    }

    #[test]
    fn a_head_a_silence_and_a_client_that_reads_nothing_are_late_each_in_their_time() {
        let (limits, start) = (Limits::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let pulse = Arc::new(Pulse::default());
        assert!(!pulse.is_late(&limits, at(9)) && pulse.is_late(&limits, at(12)), "a connection that says nothing");
        let request = UnderWay::begin(&pulse);
        assert!(!pulse.is_late(&limits, at(1000)), "a request has a time of its own");
        pulse.with(|doing| doing.stuck_since = Some(start));
        assert!(!pulse.is_late(&limits, at(29)) && pulse.is_late(&limits, at(31)), "a client that reads nothing");
        pulse.with(|doing| doing.stuck_since = None);
        drop(request);
        assert!(!pulse.is_late(&limits, at(70)) && pulse.is_late(&limits, at(80)), "a connection that is kept");
        pulse.with(|doing| doing.head_since = Some(start));
        assert!(pulse.is_late(&limits, at(11)), "half a head");
    }
}

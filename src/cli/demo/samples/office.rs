//! What the three have in common: routes, and answers with strict headers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::{TcpListener, TcpStream};

use super::files::{File, Files};
use super::form::{Form, Visitor, multipart};
use super::live;

const LARGEST_FORM: usize = 64 * 1024;
const LARGEST_UPLOAD: usize = 16 * 1024 * 1024;
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// One back office: what it shows and what its form changes.
pub(super) trait Office: Send + Sync + 'static {
    /// The page, for one who asked with `query`.
    fn page(&self, query: &Form, visitor: &Visitor, files: &[File]) -> askama::Result<String>;

    /// Takes the form in; `false` if it makes no sense.
    fn submit(&self, form: &Form, visitor: &Visitor) -> bool;

    fn style(&self) -> &'static str;

    /// A file that is always there.
    fn handout(&self) -> File;

    /// The first words on the live line.
    fn greeting(&self) -> &'static str;
}

struct Desk<O> {
    office: O,
    files: Files,
}

type Answer = Response<Full<Bytes>>;

/// Serves `office` for as long as the task lives.
pub(super) async fn serve(listener: TcpListener, office: impl Office) {
    let desk = Arc::new(Desk { office, files: Files::default() });
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => drop(tokio::spawn(converse(tcp, Arc::clone(&desk)))),
            Err(error) => {
                tracing::warn!(%error, "a sample back office cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse<O: Office>(tcp: TcpStream, desk: Arc<Desk<O>>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(tcp), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "a connection to a sample back office ended early");
    }
}

impl<O: Office> Desk<O> {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let mut answer = self.route(request).await.unwrap_or_else(status_alone);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }

    async fn route(&self, mut request: Request<Incoming>) -> Result<Answer, StatusCode> {
        let visitor = Visitor::of(request.headers());
        let path = request.uri().path().to_owned();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match (path.as_str(), reads, request.method() == Method::POST) {
            ("/", true, _) => self.page(&Form::parse(request.uri().query().unwrap_or_default().as_bytes()), &visitor),
            ("/style.css", true, _) => Ok(text("text/css; charset=utf-8", self.office.style())),
            ("/live.js", true, _) => Ok(text("text/javascript; charset=utf-8", include_str!("html/live.js"))),
            ("/live", true, _) => live::answer(&mut request, self.office.greeting()),
            ("/submit", _, true) => {
                let body = whole(request, LARGEST_FORM).await?;
                if self.office.submit(&Form::parse(&body), &visitor) { Ok(see_page()) } else { Err(StatusCode::UNPROCESSABLE_ENTITY) }
            }
            ("/upload", _, true) => {
                let content_type = request.headers().get(CONTENT_TYPE).cloned();
                let body = whole(request, LARGEST_UPLOAD).await?;
                let file = multipart(content_type.as_ref(), &body).ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
                self.files.keep(file);
                Ok(see_page())
            }
            ("/" | "/style.css" | "/live.js" | "/live", ..) => Ok(wrong_method("GET, HEAD")),
            ("/submit" | "/upload", ..) => Ok(wrong_method("POST")),
            (path, true, _) => self.file(path.strip_prefix("/files/").ok_or(StatusCode::NOT_FOUND)?),
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    fn page(&self, query: &Form, visitor: &Visitor) -> Result<Answer, StatusCode> {
        let html = self.office.page(query, visitor, &self.files.all()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(text("text/html; charset=utf-8", html))
    }

    fn file(&self, key: &str) -> Result<Answer, StatusCode> {
        let file = match key {
            "handout" => self.office.handout(),
            key => self.files.find(key).ok_or(StatusCode::NOT_FOUND)?,
        };
        // RFC 8187: names are in any script.
        let disposition = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(&file.name, NON_ALPHANUMERIC));
        let mut answer = text("application/octet-stream", file.content);
        let disposition = HeaderValue::try_from(disposition).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
        Ok(answer)
    }
}

async fn whole(request: Request<Incoming>, longest: usize) -> Result<Bytes, StatusCode> {
    let body = Limited::new(request.into_body(), longest).collect().await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(body.to_bytes())
}

fn text(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(super) fn status_alone(status: StatusCode) -> Answer {
    let mut answer = text("text/plain; charset=utf-8", format!("{status}\n"));
    *answer.status_mut() = status;
    answer
}

/// After a POST the browser shall ask for the page, so that reloading it does not send the form again.
fn see_page() -> Answer {
    let mut answer = status_alone(StatusCode::SEE_OTHER);
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    answer
}

fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = status_alone(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

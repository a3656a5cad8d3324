//! The object that a URL names, and the client of its server.

use super::patience;
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a request is made again.
const RETRIES: usize = 3;

/// An object of a store.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
}

/// The objects that have been asked for: their stores keep connections.
static OBJECTS: Mutex<Option<HashMap<String, Object>>> = Mutex::new(None);

/// The object that `url` names.
pub(super) fn object(url: &str) -> io::Result<Object> {
    let mut objects = OBJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let objects = objects.get_or_insert_default();
    if let Some(known) = objects.get(url) {
        return Ok(known.clone());
    }
    let made = make(url)?;
    objects.insert(url.to_owned(), made.clone());
    Ok(made)
}

fn make(url: &str) -> io::Result<Object> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it is no URL"))?;
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: patience(),
    };
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT.min(patience()))
        .with_config(ClientConfigKey::UserAgent, concat!("flowc/", env!("CARGO_PKG_VERSION")));
    match scheme.to_ascii_lowercase().as_str() {
        // What is asked for over a safe connection is not fetched over another one, wherever the server points.
        scheme @ ("http" | "https") => {
            let options = options.with_allow_http(scheme == "http");
            let builder = HttpBuilder::new().with_url(url).with_client_options(options).with_retry(retry);
            let store = builder.build().map_err(|e| super::said(&e))?;
            Ok(Object { store: Arc::new(store), path: Path::default() })
        }
        "s3" => {
            let (bucket, key) = rest
                .split_once('/')
                .filter(|(b, k)| !b.is_empty() && !k.is_empty())
                .ok_or_else(|| invalid("it names no object: s3://bucket/key"))?;
            // Plain connections are for endpoints that somebody names as such.
            let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
                .iter()
                .find_map(|name| std::env::var(name).ok());
            let plain = endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(options.with_allow_http(plain))
                .with_retry(retry);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if !has_identity() {
                builder = builder.with_skip_signature(true);
            }
            let store = builder.build().map_err(|e| super::said(&e))?;
            let path = Path::parse(key).map_err(|_| invalid("its key is no path"))?;
            Ok(Object { store: Arc::new(store), path })
        }
        _ => Err(invalid("its scheme is not supported")),
    }
}

/// Whether the environment says who is reading. Without, objects are read as anybody may; the metadata service of a
/// cloud's machine is only asked if `AWS_EC2_METADATA_DISABLED` is `false`.
fn has_identity() -> bool {
    const NAMES: [&str; 4] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    NAMES.iter().any(is_set)
        || std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|v| v.eq_ignore_ascii_case("false"))
}

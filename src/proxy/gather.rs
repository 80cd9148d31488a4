//! A request's body, read whole to be kept: no larger than is kept, and no slower than one that is forwarded.

use std::rc::Rc;

use http_body_util::BodyExt;

use super::backend::Backend;
use super::body::{Progress, Upload};
use crate::model::{Refusal, RequestBody};

pub async fn gather(body: RequestBody, backend: &Backend, limit: u64) -> Result<Vec<u8>, Refusal> {
    let mut upload = Upload::new(body, backend, Rc::new(Progress::default())).within(limit);
    let mut gathered = Vec::new();
    while let Some(frame) = upload.frame().await {
        if let Ok(data) = frame.map_err(|fault| fault.refusal())?.into_data() {
            gathered.extend_from_slice(&data);
        }
    }
    Ok(gathered)
}

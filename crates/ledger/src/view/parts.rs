//! What is told of some batches alone: those whose results go elsewhere, whose
//! list was wrong, or that are a sample.

use common::fault::Fault;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Delivery, Final, Request, Sealed, forecast::Forecast};

#[derive(Debug, Serialize, ToSchema)]
pub struct Output {
    /// The batch's own folder there.
    #[schema(example = "s3://results/2026/batch_fe6a1d3c44b10f3c9a61d2b84e57a1c0")]
    url: String,
    status: OutputStatus,
    /// Files of results and errors, once they are written.
    files: Option<u64>,
    error: Option<ListFault>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutputStatus {
    /// Until every item is done, and the results are written.
    Pending,
    Written,
    /// They can be read here as ever.
    Failed,
}

impl Output {
    pub fn of(request: &Request, delivery: Option<Delivery>) -> Option<Self> {
        let url = format!(
            "{}/{}",
            request.output.as_ref()?.trim_end_matches('/'),
            request.id
        );
        let status = match &delivery {
            None => OutputStatus::Pending,
            Some(Delivery { fault: None, .. }) => OutputStatus::Written,
            Some(_) => OutputStatus::Failed,
        };
        let files = delivery.as_ref().map(|delivery| delivery.files);
        Some(Self {
            url,
            status,
            files,
            error: delivery
                .and_then(|delivery| delivery.fault)
                .map(ListFault::from),
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DryRunView {
    /// The share that was asked for.
    sample: f64,
    /// Items of the whole list; 0 until it is here.
    listed: u64,
    /// Once the sample is done.
    forecast: Option<Forecast>,
}

impl DryRunView {
    pub fn of(request: &Request, sealed: Option<Sealed>, end: Option<&Final>) -> Option<Self> {
        let sample = request.dry_run?.share;
        let forecast = end.and_then(|end| end.forecast.clone());
        Some(Self {
            sample,
            listed: sealed.map_or(0, |sealed| sealed.listed),
            forecast,
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Errors {
    /// `list`
    object: &'static str,
    data: Vec<ListFault>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListFault {
    #[schema(example = "invalid_request")]
    code: &'static str,
    #[schema(example = "row 7: url is longer than 8192 bytes")]
    message: String,
}

impl From<Fault> for ListFault {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code.name(),
            message: fault.detail,
        }
    }
}

impl From<Fault> for Errors {
    fn from(fault: Fault) -> Self {
        Self {
            object: "list",
            data: vec![fault.into()],
        }
    }
}

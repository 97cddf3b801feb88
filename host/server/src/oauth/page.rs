//! The pages that a person sees who comes back from a service: a few sentences without
//! script, style or links, so that nothing in them can be of anybody else.
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A page. `title` and `text` are ours; what came from outside is in neither.
pub(super) fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><h1>{0}</h1><p>{1}</p></html>\n",
        escaped(title),
        escaped(text),
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

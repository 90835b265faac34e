//! The pages that explain problems: what a problem's `type` leads to.

use super::kinds::{self, Kind};
use std::fmt::Write;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>Problems · Rialto</title><style>\
    body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2330}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;\
    border-bottom:1px solid #dde2ea;vertical-align:top}code{font:14px ui-monospace,monospace}\
    a{color:#0b5cad}</style>";

/// All kinds in one table.
pub(crate) fn problems_page() -> String {
    let mut page = format!(
        "{HEAD}<h1>Problems</h1><p>Every refusal is <code>application/problem+json</code> (RFC 9457). \
         Its <code>code</code> is stable; its <code>type</code> leads here.</p>\
         <table><tr><th>Code<th>Status<th>Meaning"
    );
    for kind in kinds::ALL {
        let Kind { code, status, title, meaning } = kind;
        let _ = write!(
            page,
            "<tr id=\"{code}\"><td><a href=\"/problems/{code}\"><code>{code}</code></a>\
             <td>{status}<td><b>{}</b>. {}",
            escaped(title),
            escaped(meaning)
        );
    }
    page.push_str("</table>");
    page
}

/// One kind.
pub(crate) fn problem_page(kind: &Kind) -> String {
    let Kind { code, status, title, meaning } = kind;
    format!(
        "{HEAD}<p><a href=\"/problems\">Problems</a></p><h1>{}</h1><p><code>{code}</code>, HTTP status \
         {status}</p><p>{}</p>",
        escaped(title),
        escaped(meaning)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

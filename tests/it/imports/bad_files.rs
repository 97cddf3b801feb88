//! Files and uploads that are refused, in whole or row by row: line, column,
//! reason, next step, and nothing of it in the accounts.
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{acme, external_ids, numbers, salesforce};
use crate::support::{Actor, Host};

/// Two accounts that every failed import must leave as they are.
async fn with_accounts() -> (Host, Actor, Vec<Value>) {
    let (host, acme) = acme().await;
    acme.import("replace", salesforce("1,One,one.com,,,\n2,Two,two.com,,,\n")).await;
    let accounts = acme.all("accounts").await;
    assert_eq!(accounts.len(), 2);
    (host, acme, accounts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_says_why_and_changes_nothing() {
    let (_host, acme, before) = with_accounts().await;
    let cut = "1,One,one.com,,,\n2,\"Two,two.com,,,\n3,Three,three.com,,,\n";
    let again = "Save the list as \"CSV UTF-8\" and import it again.";
    let quote = "Close the quote or double it (\"\") and import the file again; the rows behind it can't be told apart.";
    let cases: [(Vec<u8>, Value); 7] = [
        (
            Vec::new(),
            error(
                1,
                None,
                "empty-file",
                "the file is empty",
                "Export the list again, with a header line.",
            ),
        ),
        (
            salesforce("").into(),
            error(
                2,
                None,
                "no-rows",
                "the file has a header and no rows",
                "Export the list again; an empty list would remove every account.",
            ),
        ),
        (
            salesforce(cut).into(),
            error(
                3,
                Some("Name"),
                "quote-not-closed",
                "the quote that opens here isn't closed properly: the file ends before it closes on line 5",
                quote,
            ),
        ),
        (
            salesforce("1,O\0ne,one.com,,,\n").into(),
            error(
                2,
                None,
                "nul-byte",
                "a NUL byte: this isn't a text file, or it is UTF-16 without byte-order mark",
                again,
            ),
        ),
        (
            [salesforce("1,Caf").as_bytes(), b"\xE9,one.com,,,\n"].concat(),
            error(
                2,
                None,
                "not-utf8",
                "this byte (0xE9) isn't UTF-8; spreadsheets often write Windows-1252 instead",
                again,
            ),
        ),
        (
            b"Nr,Firma,Web\n7,Acme,acme.com\n".to_vec(),
            error(
                1,
                None,
                "unrecognised-columns",
                "the columns aren't those of a known CRM export: \"Nr\", \"Firma\", \"Web\"",
                "Pass a column map that says which column is the external id, the name and the website.",
            ),
        ),
        (
            b"Id,Name,Website,Name\n7,Acme,acme.com,x\n".to_vec(),
            error(
                1,
                Some("Name"),
                "duplicate-column",
                "this column stands in the file twice: as column 2 too",
                "Rename or remove one of them and import the file again.",
            ),
        ),
    ];
    for (file, expected) in cases {
        let import = acme.import("replace", file).await;
        assert_eq!((&import["state"], &import["error"]), (&json!("failed"), &expected), "{import}");
        assert_eq!(numbers(&import)[2..], [0, 0, 0, 0]);
        assert!(import["finished_at"].is_string());
        assert_eq!(acme.all("accounts").await, before, "{expected}");
    }
}

fn error(line: u64, column: Option<&str>, code: &str, reason: &str, next_step: &str) -> Value {
    json!({ "line": line, "column": column, "code": code, "reason": reason, "next_step": next_step })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_row_is_left_out_and_the_others_are_taken() {
    let (_host, acme) = acme().await;
    let huge = "x".repeat(10_000_000);
    let rows = format!(
        "1,One,one.com,,,\n2,Two,two.com\n3,Three,three.com,,,,,\n1,Again,again.com,,,\n\
         ,Nobody,nobody.com,,,\n5,{huge},five.com,,,\n6,,,,,\n7,Seven,seven.com,,,many\n8,Eight,eight.com,,,\n"
    );
    let import = acme.import("replace", salesforce(&rows)).await;
    assert_eq!(import["state"], "done", "{}", import["error"]);
    assert_eq!(numbers(&import), [9, 7, 2, 0, 0, 0]);
    assert_eq!(external_ids(&acme).await, ["1", "8"]);
    let ragged =
        "Quote cells that hold the delimiter or a line break, and fill rows up to the header.";
    assert_eq!(
        import["problems"],
        json!([
            error(3, Some("Type"), "ragged-row", "this row has 3 cells, the header has 6", ragged),
            error(4, Some("7"), "ragged-row", "this row has 8 cells, the header has 6", ragged),
            error(
                5,
                Some("Id"),
                "duplicate-id",
                "the id \"1\" is that of line 2 already",
                "Keep one of the two rows: the first one was taken."
            ),
            error(
                6,
                Some("Id"),
                "missing-id",
                "this account has no id",
                "Every account needs the id that the CRM gave it."
            ),
            error(
                7,
                Some("Name"),
                "cell-too-long",
                "this cell has more than 65536 bytes",
                "Shorten the cell or leave the column out of the export."
            ),
            error(
                8,
                Some("Name"),
                "missing-name-and-website",
                "this account has neither a name nor a website",
                "Give it one of them in the CRM, or leave it out of the export."
            ),
            error(
                9,
                Some("Open_Opportunity_Amount"),
                "invalid-amount",
                "\"many\" isn't an amount",
                "Write it as a plain number with a decimal point, such as 1234.50."
            ),
        ])
    );
    assert_eq!(import["problems_total"], 7);
    // Many problems are counted to the end and listed up to the limit.
    let rows = ",Nobody,nobody.com,,,\n".repeat(250) + "9,Nine,nine.com,,,\n";
    let import = acme.import("merge", salesforce(&rows)).await;
    assert_eq!(import["problems"].as_array().unwrap().len(), 100);
    assert_eq!((&import["problems_total"], &import["added"]), (&json!(250), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_columns_are_read_by_the_callers_map() {
    let (_host, acme) = acme().await;
    let file = "Nr;Firma;Web;Art;Telefon\n7;Müller;mueller.de;Customer;030 canary\n";
    let with = |columns: Value| json!({ "mode": "merge", "file_name": "liste.csv", "columns": columns, "stages": null });
    let map = json!({ "external_id": "nr", "name": "Firma", "website": " WEB ", "stage": "Art" });
    let import = acme.import_with(&with(map), file).await;
    assert_eq!((&import["state"], &import["added"]), (&json!("done"), &json!(1)), "{import}");
    assert_eq!(import["ignored_columns"], json!(["Telefon"]));
    let accounts = acme.all("accounts").await;
    assert_eq!(
        (&accounts[0]["name"], &accounts[0]["population"]),
        (&json!("Müller"), &json!("customers"))
    );
    assert!(
        !json!(accounts).to_string().contains("canary"),
        "a column that nobody asked for stays out"
    );

    let missing = json!({ "external_id": "Nr", "website": "URL" });
    let import = acme.import_with(&with(missing), file).await;
    let reason = "the column map names \"URL\", which the file lacks; it has \"Nr\", \"Firma\", \"Web\", \"Art\", \"Telefon\"";
    let expected =
        error(1, None, "missing-column", reason, "Correct the column map or the file's header.");
    assert_eq!(import["error"], expected);

    let unknown = with(json!({ "external_id": "Nr", "phone": "Telefon" }));
    let refused = acme.post(&acme.own("imports"), &unknown).await.refused(400, "bad-body");
    assert!(refused["detail"].as_str().unwrap().contains("unknown field `phone`"), "{refused}");
}

/// Sends the head of an upload and some of its body, then hangs up.
async fn break_off(acme: &Actor, path: &str) {
    let address = acme.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n",
        acme.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(salesforce("9,Nine,nine.com,,,\n").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // The server says that it broke off, or hangs up too; either is an end.
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (host, acme, before) = with_accounts().await;
    let body = json!({ "mode": "replace", "file_name": "x.csv", "columns": null, "stages": null });
    let import = acme.post(&acme.own("imports"), &body).await.good();
    let path = acme.own(&format!("imports/{}", import["id"].as_str().unwrap()));
    for _ in 0..3 {
        break_off(&acme, &format!("{path}/file")).await;
    }
    let now = acme.get(&path).await.good();
    assert_eq!((&now["state"], &now["rows_read"]), (&json!("waiting-for-file"), &json!(0)));
    assert_eq!(acme.all("accounts").await, before);
    // The whole file still can come; only then is there anything on the disk.
    let list = salesforce("1,One,one.com,,,\n2,Two,two.com,,,\n9,Nine,nine.com,,,\n");
    let upload = acme.request(reqwest::Method::PUT, &format!("{path}/file")).body(list);
    acme.send(upload).await.good();
    let done = acme.until(&path, |import| import["state"] == "done").await;
    assert_eq!(numbers(&done), [3, 0, 1, 0, 0, 2]);
    let data = host.stop().await;
    let left: Vec<_> = std::fs::read_dir(data.path().join("uploads")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_larger_than_the_limit_is_refused_before_it_is_sent() {
    let (_host, acme) = acme().await;
    let body = json!({ "mode": "replace", "file_name": "x.csv", "columns": null, "stages": null });
    let import = acme.post(&acme.own("imports"), &body).await.good();
    let path = acme.own(&format!("imports/{}/file", import["id"].as_str().unwrap()));
    let address = acme.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        acme.token,
        (512_u64 << 20) + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(
        answer.contains("The file is larger than 536870912 bytes (limit `import.file`)."),
        "{answer}"
    );
}

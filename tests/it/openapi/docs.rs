//! `/openapi.json` and `/docs`.
use crate::support::{Actor, Host};

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_and_its_page_needs_nothing_from_elsewhere() {
    let host = Host::start(&[]).await;
    let nobody = Actor::new(&host.url, "", "");
    let spec = nobody.get("/openapi.json").await;
    assert_eq!((spec.status, spec.kind.as_str()), (200, "application/json"));
    assert_eq!(spec.text, venn_server::openapi::text());
    let page = nobody.get("/docs/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'")
    );
    let mut files = vec!["swagger-initializer.js".to_owned()];
    for tag in ["src=\"", "href=\""] {
        files.extend(
            page.text.split(tag).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
    }
    assert!(files.len() > 4, "{files:?}");
    for file in files {
        assert!(!file.contains("://") && !file.starts_with("//"), "{file} is elsewhere");
        let got = nobody.get(&format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(got.status, 200, "{file}");
        if file == "swagger-initializer.js" {
            assert!(got.text.contains("/openapi.json"), "{}", got.text);
        }
    }
}

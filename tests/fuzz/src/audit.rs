//! The audit's chain: entries, and one act of tampering with them.
//!
//! The first byte says which act, the next two where; each further line is an entry's
//! text. Whoever holds the head that was known finds every act, also one that hashes
//! anew all that follows; without it, every act but that and a cut at the end.
use venn_domain::audit::{Head, Link, Walk};

/// Longer chains show nothing new.
const ENTRIES: usize = 8;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(link) = serde_json::from_slice::<Link>(bytes) {
        // Whatever it says, it is looked at and not believed.
        let sound = link.seq == 1 && link.computed() == link.hash;
        assert!(Walk::default().step(&link).is_err() || sound);
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(head) = text.parse::<Head>() {
        assert_eq!(head.to_string().parse(), Ok(head));
    }
    let [act, at, to, texts @ ..] = bytes else { return };
    let texts = String::from_utf8_lossy(texts);
    let chain = sealed(texts.split('\n').take(ENTRIES).enumerate().map(entry).collect());
    let known = walk(&chain, None).expect("a chain that nobody touched");
    assert_eq!(known.seq, chain.len() as u64);
    let (mut forged, anew) = tampered(&chain, *act, usize::from(*at), usize::from(*to));
    if anew {
        forged = sealed(forged);
    }
    // Hashed anew, one more at the end is what the next entry looks like.
    if forged == chain || anew && forged.starts_with(&chain) {
        return;
    }
    let told = walk(&forged, Some(known.clone())).expect_err("it is not the chain that is known");
    assert!(!told.why.is_empty());
    let cut = chain.starts_with(&forged);
    assert!(anew || cut || walk(&forged, None).is_err(), "nobody would see {forged:?}");
}

/// The chain after the act, and whether whoever did it hashes all of it anew.
fn tampered(chain: &[Link], act: u8, at: usize, to: usize) -> (Vec<Link>, bool) {
    let mut forged = chain.to_vec();
    let (at, to) = (at % forged.len(), to % forged.len());
    match act % 8 {
        0 => forged.swap(at, to),
        1 => drop(forged.remove(at)),
        2 => forged.insert(to, chain[at].clone()),
        3 => forged.truncate(at),
        4 => forged[at].detail_json.clone_from(&chain[to].detail_json),
        5 => forged[at].action.clone_from(&chain[to].actor),
        // Over the border between two fields.
        6 => {
            let link = &mut forged[at];
            let last = link.actor.pop();
            link.action.insert_str(0, &last.map(String::from).unwrap_or_default());
        }
        _ => forged[at].organization.push('x'),
    }
    (forged, act >= 128)
}

fn entry((index, text): (usize, &str)) -> Link {
    let mut parts = text.splitn(3, ' ').map(str::to_owned);
    Link {
        organization: "org_00000000000000000000000001".to_owned(),
        seq: index as u64 + 1,
        id: format!("aud_{index}"),
        at: "2026-01-01T00:00:00.000000Z".to_owned(),
        actor: parts.next().unwrap_or_default(),
        action: parts.next().unwrap_or_default(),
        subject: "subject".to_owned(),
        detail_json: parts.next().unwrap_or_default(),
        previous_hash: String::new(),
        hash: String::new(),
    }
}

/// As whoever writes the chain would.
fn sealed(mut chain: Vec<Link>) -> Vec<Link> {
    let mut head = Head::default();
    for (index, link) in chain.iter_mut().enumerate() {
        link.seq = index as u64 + 1;
        link.previous_hash = head.hash;
        link.hash = link.computed();
        head = Head { seq: link.seq, hash: link.hash.clone() };
    }
    chain
}

fn walk(chain: &[Link], known: Option<Head>) -> Result<Head, venn_domain::audit::Broken> {
    let mut walk = Walk::knowing(known);
    chain.iter().try_for_each(|link| walk.step(link))?;
    walk.finish()
}

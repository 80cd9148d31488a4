//! What a summary says, and that it says nothing else.

use super::*;

fn told() -> EvidenceTold {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=y>";
    let row = EvidenceRow {
        sequence: 7,
        time: "2026-11-22 03:04:05".into(),
        what: format!("not-allowed: {evil}"),
        who: Some(evil.into()),
        details: vec![("app".into(), LogApp::PORTAL.into()), (evil.into(), evil.into())],
        ..EvidenceRow::default()
    };
    let count = EvidenceCount { name: evil.into(), allowed: 1, refused: 2 };
    let counts = EvidenceCounts { counts: vec![count.clone()], rest: count };
    EvidenceTold {
        log: evil.into(),
        by: evil.into(),
        app: Some(evil.into()),
        account: Some(evil.into()),
        incident: Some(41),
        is_drill: true,
        first: 3,
        last: 2,
        gone: 2,
        empty: Some(EvidenceEmpty::Nothing),
        ended: Some(evil.into()),
        unsealed: Some(3),
        other_times: 4,
        apps: counts.clone(),
        reasons: counts.clone(),
        accounts: counts.clone(),
        kinds: counts,
        refusals: EvidenceRows { rows: vec![row.clone()], all: 9 },
        changes: EvidenceRows { rows: vec![row], all: 1 },
        configs: vec![EvidenceConfig {
            sequence: 1,
            as_started: true,
            from: "x".into(),
            until: None,
            sha256: Some(evil.into()),
            waiting: Some(evil.into()),
            text: EvidenceConfigText::Damaged,
            plan: Some((evil.into(), EvidenceConfigText::Kept)),
        }],
        people: vec![EvidencePerson {
            name: evil.into(),
            unit: evil.into(),
            role: Role::Member,
            state: None,
            tokens: vec![EvidenceToken { serial: evil.into(), kind: TokenKind::UsbKey, state: TokenState::Lost, label: Some(evil.into()) }],
        }],
        ..EvidenceTold::default()
    }
}

#[test]
fn what_strangers_wrote_stays_text_and_nothing_is_fetched_or_run() {
    for language in Language::ALL {
        let page = EvidenceView::new(*language, &told()).render().unwrap();
        assert!(
            page.contains("script&#62;alert(1)")
                && page.contains(&format!("lang=\"{}\" dir=\"{}\"", language.tag(), language.direction().word()))
        );
        for foreign in ["<script", "<img", "<link", "@import", "url(", "src=\"", "href=\"http", "onerror=\""] {
            assert!(!page.contains(foreign), "{language:?}: {foreign}");
        }
        // The one style sheet is the one that the policy names.
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = BASE64.encode(&crypto::sha256(style.as_bytes()));
        assert!(page.contains(&format!("style-src &#39;sha256-{hash}&#39;")), "{language:?}");
        assert!(!page.contains("style=\""));
        assert!(
            !page.contains("evidence-"),
            "{language:?} lacks a text: {}",
            page.split_once("evidence-").map_or("", |(_, rest)| &rest[..40])
        );
    }
}

#[test]
fn whether_all_is_there_is_said_for_what_was_asked() {
    let said = |told: &EvidenceTold| EvidenceView::new(Language::English, told).completeness();
    let gapless = EvidenceTold { first: 5, last: 9, looked_at: 5, is_gapless: true, ..EvidenceTold::default() };
    assert!(said(&gapless).contains("5 to 9"), "{}", said(&gapless));
    let filtered = EvidenceTold { is_gapless: false, ..gapless };
    assert!(said(&filtered).contains("cannot be proven") && said(&filtered).contains('5'), "{}", said(&filtered));
    let page = |told: &EvidenceTold| EvidenceView::new(Language::English, told).render().unwrap();
    assert!(page(&EvidenceTold { is_gapless: true, ..EvidenceTold::default() }).contains("No access was refused."));
    assert!(!page(&EvidenceTold::default()).contains("No access was refused."), "a filter says nothing of the span");
    assert!(said(&told()).contains("Nothing"), "{}", said(&told()));
    let empty = |empty| said(&EvidenceTold { empty: Some(empty), gone: 256, ended: Some("2026-11-22".into()), ..told() });
    for (why, text) in
        [(EvidenceEmpty::NotYet, "ended at 2026-11-22"), (EvidenceEmpty::Gone, "1 to 256"), (EvidenceEmpty::BeforeTheLog, "began after")]
    {
        assert!(empty(why).contains(text) && !empty(why).contains("Nothing"), "{}", empty(why));
    }
}

use super::*;
use crate::model::Role;

const NOW: Time = Time::from_millis(1_800_000_000_000);
const CAPS: KeptForms = KeptForms { each: 1_000, per_session: 2, overall: 4 * (1_000 + BESIDES), life: Duration::from_secs(600) };

fn owner(app: &str) -> Owner {
    Owner::of(&Identity::sample("wang li", "Press", Role::Member, NOW), &AppId::parse(app).unwrap())
}

fn form(body: &'static [u8]) -> Form {
    let referer = Some("https://sites.localhost/new".to_owned());
    Form {
        target: "/publish?a=1".into(),
        content_type: "application/x-www-form-urlencoded".into(),
        referer,
        body: Bytes::from_static(body),
    }
}

fn keep(kept: &Arc<Kept>, owner: &Owner, form: &Form) -> Result<(FormId, Token), NotKept> {
    Ok(kept.room(owner.clone(), Some(form.body.len() as u64), &CAPS, NOW)?.fill(form).unwrap())
}

fn is_here(kept: &Kept, owner: &Owner, id: FormId, key: &Token, now: Time) -> bool {
    matches!(kept.look(owner, id, key, now), Found::Here(..))
}

#[test]
fn a_form_is_opened_by_its_owner_with_its_key_and_by_nobody_else() {
    let (kept, hers) = (Arc::new(Kept::default()), owner("sites"));
    let (id, key) = keep(&kept, &hers, &form(b"title=x")).unwrap();
    let Found::Here(found, left) = kept.look(&hers, id, &key, NOW) else { panic!("it is there") };
    assert!(found == form(b"title=x") && left == CAPS.life);
    let other_app = Owner { app: AppId::parse("disclosure").unwrap(), ..hers.clone() };
    let other_account = Owner { account: AccountId::fresh(), ..hers.clone() };
    let other_session = Owner { session: SessionId::fresh(), ..hers.clone() };
    for other in [other_app, other_account, other_session] {
        assert!(!is_here(&kept, &other, id, &key, NOW));
        assert!(kept.take(&other, id, &key, NOW).is_none());
        assert!(!kept.discard(&other, id, NOW));
    }
    let (other_id, other_key) = keep(&kept, &hers, &form(b"title=y")).unwrap();
    assert!(!is_here(&kept, &hers, id, &other_key, NOW) && !is_here(&kept, &hers, other_id, &key, NOW));
    assert!(kept.take(&hers, id, &other_key, NOW).is_none());
    assert!(is_here(&kept, &hers, id, &key, NOW), "and it is still there");
}

#[test]
fn memory_alone_tells_nothing_of_a_form() {
    let (kept, hers) = (Arc::new(Kept::default()), owner("sites"));
    keep(&kept, &hers, &form(b"secret=plans")).unwrap();
    let forms = kept.forms();
    let Some(Entry { content: Content::Sealed(sealed), .. }) = forms.all.values().next() else { panic!("it is kept") };
    for word in [&b"plans"[..], b"publish", b"urlencoded", b"sites"] {
        assert!(!sealed.windows(word.len()).any(|window| window == word));
    }
}

#[test]
fn a_form_is_taken_once_and_comes_back_by_itself_unless_anything_of_it_may_have_left() {
    let (kept, hers) = (Arc::new(Kept::default()), owner("sites"));
    for body in [&b"title=x"[..], b""] {
        let (id, key) = keep(&kept, &hers, &form(body)).unwrap();
        let taken = kept.take(&hers, id, &key, NOW).unwrap();
        assert!(kept.take(&hers, id, &key, NOW).is_none());
        assert!(matches!(kept.look(&hers, id, &key, NOW), Found::Sent));
        assert!(!kept.discard(&hers, id, NOW), "what is under way cannot be discarded");
        // As when whoever held it was dropped: stop was pressed, or the page loaded again.
        drop(taken);
        assert!(is_here(&kept, &hers, id, &key, NOW));

        let taken = kept.take(&hers, id, &key, NOW).unwrap();
        taken.departure.begin();
        drop(taken);
        assert!(matches!(kept.look(&hers, id, &key, NOW), Found::Sent));
        assert!(kept.take(&hers, id, &key, NOW).is_none());
    }
    let (id, key) = keep(&kept, &hers, &form(b"title=x")).unwrap();
    let taken = kept.take(&hers, id, &key, NOW).unwrap();
    kept.sweep(|_| false, NOW);
    drop(taken);
    assert!(matches!(kept.look(&hers, id, &key, NOW), Found::Gone), "its session ended meanwhile");
    assert_eq!(kept.forms().taken, 0);
}

#[test]
fn what_is_too_large_too_many_or_too_much_is_not_kept() {
    let (kept, hers) = (Arc::new(Kept::default()), owner("sites"));
    let room = |owner: &Owner, declared| kept.room(owner.clone(), declared, &CAPS, NOW);
    assert_eq!(room(&hers, Some(1_001)).err(), Some(NotKept::TooLarge));
    let (first, _second) = (room(&hers, Some(1_000)).unwrap(), room(&hers, None).unwrap());
    assert_eq!((first.limit(), room(&hers, Some(1)).err()), (1_000, Some(NotKept::TooMany)));
    drop(first);
    let (id, key) = room(&hers, Some(7)).unwrap().fill(&form(b"title=x")).unwrap();
    assert_eq!(room(&hers, Some(1)).err(), Some(NotKept::TooMany), "one that is there counts like one that comes");
    kept.take(&hers, id, &key, NOW).unwrap().departure.begin();
    let _third = room(&hers, Some(1_000)).unwrap();
    let (other, more) = (owner("sites"), owner("sites"));
    let _rest = (room(&other, None).unwrap(), room(&other, Some(0)).unwrap());
    assert_eq!(room(&more, None).err(), Some(NotKept::NoRoom), "all sessions together");
}

#[test]
fn room_is_given_back_when_a_form_or_its_session_is_over() {
    let (kept, hers, his) = (Arc::new(Kept::default()), owner("sites"), owner("sites"));
    let (id, key) = keep(&kept, &hers, &form(b"title=x")).unwrap();
    keep(&kept, &his, &form(b"title=y")).unwrap();
    let is_hers = |session| session == hers.session;
    kept.sweep(is_hers, NOW);
    assert_eq!(kept.forms().all.len(), 1, "his session is over");
    let late = NOW.plus(CAPS.life);
    assert!(is_here(&kept, &hers, id, &key, late.minus(Duration::from_millis(1))));
    assert!(!is_here(&kept, &hers, id, &key, late));
    assert!(kept.take(&hers, id, &key, late).is_none() && !kept.discard(&hers, id, late));
    kept.sweep(is_hers, late);
    let taken = |kept: &Kept| kept.forms().taken;
    assert_eq!(kept.forms().all.len(), 0);
    assert_eq!(taken(&kept), 0);
    let room = kept.room(hers.clone(), None, &CAPS, NOW).unwrap();
    kept.sweep(|_| false, NOW);
    let (id, key) = room.fill(&form(b"title=z")).unwrap();
    assert!(!is_here(&kept, &hers, id, &key, NOW), "it came in too late");
    assert_eq!(taken(&kept), 0);
}

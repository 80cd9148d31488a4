//! Codes of OATH tokens as proofs.
//!
//! Invariant: a code counts once (one statement of the store spends it), only for a token that its holder has in that state, and
//! whether a seed cannot be opened or a code is wrong, nobody is let in.

use data_encoding::BASE32_NOPAD;

use crate::clock::Time;
use crate::crypto::{Hash, NoRandomness, NotSealedHere, SealingKey, random};
use crate::model::{AccountId, Serial, TokenId, TokenKind, TokenState};
use crate::oath::{Delivered, Kind, Progress, Scheme, Seed, TypedCode};
use crate::store::{NewSeed, SealedSeed, Spending, Store, StoreError, StoredSeed};

#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// None of the holder's tokens shows this code now: it is wrong, spent, or too far off.
    #[error("the code is wrong or was used already")]
    Wrong,
    #[error("the account holds no code token that could be asked")]
    NoToken,
    #[error(transparent)]
    NotSealedHere(#[from] NotSealedHere),
    #[error("the store holds a seed that makes no sense: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, thiserror::Error)]
pub enum PhoneAppError {
    #[error("a seed for a phone cannot be made")]
    Impossible,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A right code that is not spent yet.
#[derive(Debug)]
pub struct Found {
    pub(super) serial: Serial,
    pub(super) kind: TokenKind,
    pub(super) state: TokenState,
    pub(super) spending: Spending,
}

/// Opens seeds and spends codes. Clones share it.
#[derive(Clone, Debug)]
pub struct Codes {
    pub(super) store: Store,
    sealing: SealingKey,
}

impl Codes {
    pub fn new(store: Store, sealing: SealingKey) -> Self {
        Self { store, sealing }
    }

    /// Whether the seeds that the store holds can be opened with the sealing key that there is.
    pub async fn can_open(&self) -> Result<bool, StoreError> {
        let some = self.store.any_seed().await?;
        Ok(some.is_none_or(|seed| self.open(&seed).is_ok()))
    }

    /// Whether the account holds a token, of a kind of which `which` says yes, whose code could be asked for.
    pub async fn has_active(&self, account: AccountId, which: impl Fn(TokenKind) -> bool, wall: Time) -> Result<bool, StoreError> {
        Ok(self.store.seeds_of(account, TokenState::Active, wall).await?.iter().any(|stored| which(stored.kind)))
    }

    /// A maker's delivery as it is stored.
    pub fn seal(&self, delivery: Vec<Delivered>) -> Result<Vec<NewSeed>, NoRandomness> {
        delivery.into_iter().map(|delivered| self.sealed(&delivered)).collect()
    }

    /// Takes the code of one of the account's active tokens, and says which. `wall` is what the tokens' clocks are compared with.
    pub async fn take(&self, account: AccountId, typed: &str, wall: Time) -> Result<(TokenId, TokenKind), CodeError> {
        let Found { spending, kind, .. } = self.find(account, TokenState::Active, |_| true, typed, wall).await?;
        if self.store.spend_oath(&spending, wall).await? { Ok((spending.token, kind)) } else { Err(CodeError::Wrong) }
    }

    /// The holder of an issued token shows that she has it; the code is spent with that.
    #[cfg(test)]
    pub(super) async fn activate(&self, account: AccountId, typed: &str, wall: Time) -> Result<TokenId, CodeError> {
        let Found { spending, .. } = self.find(account, TokenState::Issued, |_| true, typed, wall).await?;
        if self.store.activate_oath(&spending, wall).await? { Ok(spending.token) } else { Err(CodeError::Wrong) }
    }

    /// Brings a token back that has gone astray, by two codes in a row. It opens nothing by itself: both codes are spent. Nobody counts the
    /// guesses, so it is for staff.
    pub async fn resynchronise(&self, account: AccountId, serial: &Serial, codes: (&str, &str), wall: Time) -> Result<(), CodeError> {
        let found = self.find_in_a_row(account, serial, codes, wall).await?;
        if self.bring_back(&found, wall).await? { Ok(()) } else { Err(CodeError::Wrong) }
    }

    /// Spends the two codes that found a token; an issued one stays issued, for its holder has not shown yet that she has it. `false`: they
    /// are spent already.
    pub async fn bring_back(&self, found: &Found, wall: Time) -> Result<bool, StoreError> {
        match found.state {
            TokenState::Issued => self.store.move_issued(&found.spending).await,
            _ => self.store.spend_oath(&found.spending, wall).await,
        }
    }

    /// What an app on a phone is to hold: made here, and issued to the account.
    pub(super) async fn begin_phone_app(&self, account: AccountId, now: Time) -> Result<Serial, PhoneAppError> {
        let id: [u8; 5] = random()?;
        let serial = Serial::parse(&format!("P-{}", BASE32_NOPAD.encode(&id))).map_err(|_| PhoneAppError::Impossible)?;
        // What every such app understands (RFC 6238 with its defaults).
        let scheme = Scheme::new(Kind::Totp { period: 30 }, Hash::Sha1, 6).map_err(|_| PhoneAppError::Impossible)?;
        let seed = Seed::new(random::<20>()?.to_vec()).ok_or(PhoneAppError::Impossible)?;
        let new = Delivered { serial: serial.clone(), scheme, seed, counter: 0, expires: None, line: 0 };
        self.store.begin_phone_app(account, &self.sealed(&new)?, now).await?;
        Ok(serial)
    }

    /// The seed of an app that its holder has not confirmed yet, for the QR code; afterwards nobody sees it any more.
    pub(super) async fn phone_seed(&self, account: AccountId, serial: &Serial, wall: Time) -> Result<Option<Seed>, CodeError> {
        let seeds = self.store.seeds_of(account, TokenState::Issued, wall).await?;
        let stored = seeds.iter().find(|stored| stored.serial == *serial && stored.kind == TokenKind::PhoneApp);
        stored.map(|stored| Ok(self.open(stored)?.0)).transpose()
    }

    /// Looks for the token of that account and state that shows this code, among those of which `which` says yes; spends nothing. A seed that
    /// cannot be opened stands in nobody's way; only where that is true of all is nothing judged.
    pub(super) async fn find(
        &self,
        account: AccountId,
        state: TokenState,
        which: impl Fn(&StoredSeed) -> bool,
        typed: &str,
        wall: Time,
    ) -> Result<Found, CodeError> {
        let mut seeds = self.store.seeds_of(account, state, wall).await?;
        seeds.retain(which);
        if seeds.is_empty() {
            return Err(CodeError::NoToken);
        }
        let typed = TypedCode::parse(typed).ok_or(CodeError::Wrong)?;
        let (mut unopened, mut compared) = (None, false);
        for stored in &seeds {
            match self.open(stored) {
                Ok((seed, scheme, progress)) => {
                    if let Some(progress) = progress.take(&seed, scheme, &typed, unix_seconds(wall)) {
                        return Ok(found(stored, progress));
                    }
                    compared = true;
                }
                Err(error) => {
                    tracing::error!(serial = %stored.serial, %error, "a seed cannot be opened");
                    unopened = Some(error);
                }
            }
        }
        // Whatever was compared counts, or a seed that is broken would let the others be guessed for ever.
        Err(unopened.filter(|_| !compared).unwrap_or(CodeError::Wrong))
    }

    /// Looks for where an active or issued token has got to, by two codes in a row; spends nothing.
    pub(super) async fn find_in_a_row(
        &self,
        account: AccountId,
        serial: &Serial,
        codes: (&str, &str),
        wall: Time,
    ) -> Result<Found, CodeError> {
        let (Some(first), Some(second)) = (TypedCode::parse(codes.0), TypedCode::parse(codes.1)) else { return Err(CodeError::Wrong) };
        let mut seeds = self.store.seeds_of(account, TokenState::Active, wall).await?;
        seeds.extend(self.store.seeds_of(account, TokenState::Issued, wall).await?);
        let stored = seeds.iter().find(|stored| stored.serial == *serial).ok_or(CodeError::NoToken)?;
        let (seed, scheme, progress) = self.open(stored)?;
        let progress = progress.resynchronise(&seed, scheme, (&first, &second), unix_seconds(wall)).ok_or(CodeError::Wrong)?;
        Ok(found(stored, progress))
    }

    /// Whether the token shows this code now.
    pub(super) fn shows(&self, stored: &StoredSeed, typed: &TypedCode, wall: Time) -> Result<bool, CodeError> {
        let (seed, scheme, progress) = self.open(stored)?;
        Ok(progress.take(&seed, scheme, typed, unix_seconds(wall)).is_some())
    }

    fn open(&self, stored: &StoredSeed) -> Result<(Seed, Scheme, Progress), CodeError> {
        let SealedSeed { sealed, hash, digits, period, next, drift } = &stored.seed;
        let bytes = self.sealing.open(&about(stored.token), sealed)?;
        let unreadable = |what: &str| CodeError::Unreadable(format!("{what} of {}", stored.serial));
        let seed = Seed::new(bytes.to_vec()).ok_or_else(|| unreadable("the length"))?;
        let hash = hash_named(hash).ok_or_else(|| unreadable("the hash"))?;
        let kind = period.map_or(Kind::Hotp, |period| Kind::Totp { period });
        let scheme = Scheme::new(kind, hash, u64::from(*digits)).map_err(|error| unreadable(&error.to_string()))?;
        Ok((seed, scheme, Progress { next: *next, drift: *drift }))
    }

    fn sealed(&self, delivered: &Delivered) -> Result<NewSeed, NoRandomness> {
        let token = TokenId::fresh();
        let period = match delivered.scheme.kind() {
            Kind::Hotp => None,
            Kind::Totp { period } => Some(period),
        };
        Ok(NewSeed {
            token,
            serial: delivered.serial.clone(),
            expires: delivered.expires,
            seed: SealedSeed {
                sealed: self.sealing.seal(&about(token), delivered.seed.bytes())?,
                hash: hash_name(delivered.scheme.hash()).to_owned(),
                digits: delivered.scheme.digits(),
                period,
                next: delivered.counter,
                drift: 0,
            },
        })
    }
}

/// What a seed is sealed for, so that one row's seed cannot be moved to another's.
fn about(token: TokenId) -> Vec<u8> {
    format!("seed of {token}").into_bytes()
}

fn found(stored: &StoredSeed, now_at: Progress) -> Found {
    let spending = Spending { token: stored.token, was: stored.seed.next, next: now_at.next, drift: now_at.drift };
    Found { serial: stored.serial.clone(), kind: stored.kind, state: stored.state, spending }
}

fn unix_seconds(wall: Time) -> u64 {
    u64::try_from(wall.millis()).unwrap_or(0).saturating_div(1_000)
}

const fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha512 => "sha512",
    }
}

fn hash_named(name: &str) -> Option<Hash> {
    [Hash::Sha1, Hash::Sha256, Hash::Sha512].into_iter().find(|hash| hash_name(*hash) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Account, AccountName, AccountState, Role, UnitName};
    use crate::store::TokenChange;

    const NOW: Time = Time::from_millis(1_800_000_000_000);
    const CSV: &str = "F1,3132333435363738393031323334353637383930\nF2,3132333435363738393031323334353637383930,TOTP\n";

    struct Drawer {
        store: Store,
        codes: Codes,
        holder: AccountId,
        delivery: Vec<Delivered>,
    }

    impl Drawer {
        /// Two tokens, and somebody who may hold them.
        async fn open() -> Self {
            let store = Store::open_in_memory().await.unwrap();
            let codes = Codes::new(store.clone(), SealingKey::new(&[7; 32]).unwrap());
            let delivery = crate::oath::read(CSV.as_bytes(), None).unwrap();
            let seeds = codes.seal(delivery.clone()).unwrap();
            assert_eq!(store.stock_seeds(&seeds, NOW).await.unwrap(), []);
            let account = Account {
                id: AccountId::fresh(),
                name: AccountName::parse("wang").unwrap(),
                unit: UnitName::parse("Press").unwrap(),
                role: Role::Member,
                email: None,
                state: AccountState::Invited,
                created: NOW,
            };
            let invitation = crate::crypto::TokenHash([1; 32]);
            let holder = store.invite(&account, invitation, NOW).await.unwrap().id;
            Self { store, codes, holder, delivery }
        }

        async fn issue(&self, serial: &str) {
            let issued = self.store.issue_token(&Serial::parse(serial).unwrap(), self.holder, NOW).await.unwrap();
            assert_eq!(issued, TokenChange::Done { ended: vec![] });
        }

        fn code(&self, index: usize, counter: u64) -> String {
            self.delivery[index].seed.code(self.delivery[index].scheme, counter)
        }

        async fn take(&self, code: &str) -> Result<TokenId, String> {
            self.codes.take(self.holder, code, NOW).await.map(|(token, _)| token).map_err(|error| error.to_string())
        }
    }

    #[tokio::test]
    async fn the_code_that_shows_the_token_is_spent_with_it() {
        let drawer = Drawer::open().await;
        assert!(
            matches!(drawer.codes.activate(drawer.holder, &drawer.code(0, 0), NOW).await, Err(CodeError::NoToken)),
            "in the drawer still"
        );
        drawer.issue("F1").await;
        assert!(drawer.take(&drawer.code(0, 0)).await.is_err(), "an issued token opens nothing");
        assert!(matches!(drawer.codes.activate(drawer.holder, "000000", NOW).await, Err(CodeError::Wrong)));
        drawer.codes.activate(drawer.holder, &drawer.code(0, 0), NOW).await.unwrap();
        assert_eq!(drawer.take(&drawer.code(0, 0)).await.unwrap_err(), "the code is wrong or was used already");
        drawer.take(&drawer.code(0, 1)).await.unwrap();
        assert!(drawer.take(&drawer.code(0, 1)).await.is_err());
    }

    #[tokio::test]
    async fn a_holder_of_two_tokens_may_use_either() {
        let drawer = Drawer::open().await;
        let step = 1_800_000_000 / 30;
        for (serial, code) in [("F1", drawer.code(0, 0)), ("F2", drawer.code(1, step - 1))] {
            drawer.issue(serial).await;
            drawer.codes.activate(drawer.holder, &code, NOW).await.unwrap();
        }
        let timed = drawer.take(&drawer.code(1, step)).await.unwrap();
        let counted = drawer.take(&drawer.code(0, 1)).await.unwrap();
        assert_ne!(timed, counted);
    }

    #[tokio::test]
    async fn of_fifty_posts_of_one_code_one_alone_wins() {
        let drawer = Drawer::open().await;
        drawer.issue("F1").await;
        drawer.codes.activate(drawer.holder, &drawer.code(0, 0), NOW).await.unwrap();
        let code = drawer.code(0, 1);
        let all = futures_util::future::join_all((0..50).map(|_| drawer.take(&code))).await;
        assert_eq!(all.iter().filter(|taken| taken.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn two_codes_in_a_row_bring_a_token_back_that_has_gone_astray() {
        let drawer = Drawer::open().await;
        drawer.issue("F1").await;
        drawer.codes.activate(drawer.holder, &drawer.code(0, 0), NOW).await.unwrap();
        assert!(drawer.take(&drawer.code(0, 300)).await.is_err(), "too far ahead");
        let (first, second) = (drawer.code(0, 300), drawer.code(0, 301));
        let serial = Serial::parse("F1").unwrap();
        let again = async |codes| drawer.codes.resynchronise(drawer.holder, &serial, codes, NOW).await;
        assert!(matches!(again((&first, &first)).await, Err(CodeError::Wrong)));
        assert!(matches!(drawer.codes.resynchronise(AccountId::fresh(), &serial, (&first, &second), NOW).await, Err(CodeError::NoToken)));
        again((&first, &second)).await.unwrap();
        assert!(matches!(again((&first, &second)).await, Err(CodeError::Wrong)), "both are spent");
        drawer.take(&drawer.code(0, 302)).await.unwrap();
    }

    #[tokio::test]
    async fn seeds_under_another_key_or_moved_to_another_token_open_nothing() {
        let drawer = Drawer::open().await;
        assert!(drawer.codes.can_open().await.unwrap());
        let other = Codes::new(drawer.store.clone(), SealingKey::new(&[8; 32]).unwrap());
        assert!(!other.can_open().await.unwrap());
        drawer.issue("F1").await;
        assert!(matches!(other.activate(drawer.holder, &drawer.code(0, 0), NOW).await, Err(CodeError::NotSealedHere(_))));
        let stored = drawer.store.seeds_of(drawer.holder, TokenState::Issued, NOW).await.unwrap().remove(0);
        assert!(drawer.codes.open(&stored).is_ok());
        assert!(drawer.codes.open(&StoredSeed { token: TokenId::fresh(), ..stored }).is_err());
    }
}

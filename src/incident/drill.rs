//! Drills (演练): what a gateway would have written of an incident that never was, for the triggers of the plan to find.
//!
//! Invariant: nothing of it can be taken for something real. People and addresses of a drill exist nowhere else, and what is found carries the
//! drill's number.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::{Engine, Signal};
use super::plan::Plan;
use super::report::FormLanguage;
use super::trigger::Kind;
use crate::clock::Time;
use crate::model::{
    AccountId, AccountName, Action, AppId, Closed, Decision, End, Entry, Event, Opened, Record, Reference, Role, UnitName, Who,
};

/// So many names are sprayed and so many factors fail at most, whatever a plan asks for.
const MOST: usize = 2_000;
/// Between two things that happen.
const STEP: Duration = Duration::from_secs(1);
/// Addresses that are nobody's (RFC 5737).
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));
const USUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// One address tries a password with many names, and finds one whose second factor holds.
    PasswordSpraying,
    /// Somebody works with a system administrator's token that was lost.
    LostAdministratorToken,
    /// A page of a public site is changed, and nobody had worked there.
    DefacedPage,
    /// A leaked account takes away a great deal.
    BulkDownload,
}

impl Scenario {
    pub const WORDS: [(&str, Self); 4] = [
        ("password-spraying", Self::PasswordSpraying),
        ("lost-administrator-token", Self::LostAdministratorToken),
        ("defaced-page", Self::DefacedPage),
        ("bulk-download", Self::BulkDownload),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, scenario)| *scenario == self).map_or("", |(word, _)| word)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, scenario)| *scenario)
    }

    /// What the people around the table are told: what happens, one thing after the other.
    pub fn script(self, language: FormLanguage) -> &'static [&'static str] {
        match language {
            FormLanguage::Chinese => self.chinese_script(),
            FormLanguage::English => self.english_script(),
        }
    }

    fn chinese_script(self) -> &'static [&'static str] {
        match self {
            Self::PasswordSpraying => &[
                "几分钟之内，一个外地地址用同样的几个密码，逐个尝试许多账号。",
                "有一个密码是对的，但该账号的第二因素一再失败：对方有密码，没有令牌。",
                "该账号属于网站群的一位编辑，电话打不通。",
            ],
            Self::LostAdministratorToken => &[
                "一名系统管理员从没有工作人员办公的地址登录，而她正在休假。",
                "她的安全密钥计数器倒退：可能存在复制品。",
                "她想起昨天包被偷了，密钥就在包里，还没有告诉任何人。",
            ],
            Self::DefacedPage => &[
                "一个公开网站的首页与原来不同，而其后台几个小时内无人操作。",
                "有市民来电：页面上出现反动文字，截图已在社交网络上流传。",
                "网站软件的供应商说，上周另一座城市发生过同样的事。",
            ],
            Self::BulkDownload => &[
                "一个账号在几分钟内从两个地方登录。",
                "该账号从信息公开系统取走数百兆数据，速度之快，不是人在阅读。",
                "账号本人说，她按一封邮件的指引，在一个页面上输入过密码。",
            ],
        }
    }

    fn english_script(self) -> &'static [&'static str] {
        match self {
            Self::PasswordSpraying => &[
                "Within minutes, one address outside the city tries the same few passwords with the names of many accounts.",
                "One password is right. Its account's second factor fails again and again: whoever it is has the password, not the token.",
                "The account belongs to an editor of the website cluster, who does not answer her phone.",
            ],
            Self::LostAdministratorToken => &[
                "A system administrator signs in from an address where no member of staff works. She is on holiday.",
                "Her security key's counter goes back: there may be a copy of it.",
                "She remembers that her bag was stolen yesterday, with the key in it. She has told nobody.",
            ],
            Self::DefacedPage => &[
                "The front page of a public site is not what it was, and nobody has worked in its back office for hours.",
                "A citizen calls: the page shows a text against the government. A picture of it is on social networks.",
                "The vendor of the site's software says that another city had the same last week.",
            ],
            Self::BulkDownload => &[
                "An account signs in from two places within minutes.",
                "Hundreds of megabytes leave the information disclosure system by that account, at a pace that no person reads.",
                "The account's holder says that she typed her password into a page that a mail had led her to.",
            ],
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the triggers of the plan find in the scenario, as it would end at `now`: by the same engine that reads the log. `number` is the drill's
/// record, `app` a system that is there.
pub fn found(scenario: Scenario, plan: &Arc<Plan>, app: &AppId, number: u64, now: Time) -> Vec<Signal> {
    let mut engine = Engine::new(plan.clone(), 0);
    let mut signals = Vec::new();
    for entry in Stage::new(plan, app).play(scenario, now) {
        for mut signal in engine.read(&entry) {
            // The records that it was found in are nowhere.
            (signal.first, signal.last) = (number, number);
            signals.push(signal);
        }
        engine.forget_unrecorded();
    }
    signals
}

/// Where a scenario is played.
struct Stage<'a> {
    plan: &'a Plan,
    app: &'a AppId,
    records: Vec<Record>,
}

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan, app: &'a AppId) -> Self {
        Self { plan, app, records: Vec::new() }
    }

    fn play(mut self, scenario: Scenario, now: Time) -> Vec<Entry> {
        match scenario {
            Scenario::PasswordSpraying => self.spray(),
            Scenario::LostAdministratorToken => self.use_lost_token(),
            Scenario::DefacedPage => self.deface(),
            Scenario::BulkDownload => self.take_away(),
        }
        let length = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let begins = now.minus(STEP.saturating_mul(length));
        let at = |n: u64| begins.plus(STEP.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX)));
        (1_u64..).zip(self.records).map(|(n, record)| Entry::stamp(n, at(n), [0; 16], record)).collect()
    }

    /// The most that any trigger of a kind asks for, and a little more.
    fn most(&self, asks: impl Fn(&Kind) -> Option<usize>) -> usize {
        let most = self.plan.triggers.iter().filter_map(|trigger| asks(&trigger.kind)).max();
        most.unwrap_or(10).saturating_add(2).min(MOST)
    }

    fn spray(&mut self) {
        let names = self.most(|kind| match kind {
            Kind::ManyAccounts { count, .. } => Some(*count),
            _ => None,
        });
        for n in 1..=names {
            let failed = Event::failed(Action::SignIn).from(ELSEWHERE).with("why", "wrong-password");
            self.records.push(Record::Event(failed.with("name", account(n))));
        }
        let factors = self.most(|kind| match kind {
            Kind::SecondFactor { count, .. } => Some(*count),
            _ => None,
        });
        self.records.push(Record::Event(Event::done(Action::FirstFactor).from(ELSEWHERE).with("name", account(1))));
        for _ in 0..factors {
            let failed = Event::failed(Action::SignIn).from(ELSEWHERE).with("why", "wrong-code");
            self.records.push(Record::Event(failed.with("name", account(1))));
        }
    }

    fn use_lost_token(&mut self) {
        let Some(who) = who(1, Role::SystemAdministrator) else { return };
        self.records.push(Record::Event(Event::done(Action::SignIn).by(who.clone()).from(USUAL)));
        self.records.push(Record::Event(Event::done(Action::SignIn).by(who).from(ELSEWHERE)));
        self.records.push(Record::Event(Event::done(Action::KeyCounterWentBack).from(ELSEWHERE).with("name", account(1))));
    }

    fn deface(&mut self) {
        let page = self.plan.pages.first();
        let app = page.map_or(self.app, |page| &page.app);
        let changed = Event::done(Action::PageChanged).with("app", app).with("page", "https://drill.invalid/").with("before", "0");
        self.records.push(Record::Event(changed.with("after", "1")));
    }

    fn take_away(&mut self) {
        let bytes = self.plan.triggers.iter().filter_map(|trigger| match &trigger.kind {
            Kind::BulkDownload { bytes, .. } => Some(*bytes),
            _ => None,
        });
        let bytes = bytes.max().unwrap_or(1 << 30);
        let Some(who) = who(1, Role::Member) else { return };
        self.records.push(Record::Event(Event::done(Action::SignIn).by(who.clone()).from(USUAL)));
        self.records.push(Record::Event(Event::done(Action::SignIn).by(who.clone()).from(ELSEWHERE)));
        const PARTS: u8 = 10;
        for n in 0..=PARTS {
            let reference = Reference::new([n; 10]);
            self.records.push(Record::Opened(Opened {
                reference: reference.clone(),
                who: Some(who.clone()),
                address: if n == 0 { USUAL } else { ELSEWHERE },
                port: 1,
                tls: String::new(),
                group: String::new(),
                app: Some(self.app.clone()),
                label: None,
                host: "drill.invalid".to_owned(),
                method: "GET".to_owned(),
                path: "/".to_owned(),
                query: None,
                decision: Decision::Allowed,
                rule: "drill".to_owned(),
            }));
            let bytes_down = bytes.checked_div(u64::from(PARTS)).unwrap_or(0).saturating_add(1);
            let closed = Closed { reference, status: 200, bytes_up: 0, bytes_down, duration_ms: 1_000, end: End::Complete };
            self.records.push(Record::Closed(closed));
        }
    }
}

/// As accounts are written, so that nobody takes one of them for a person.
fn account(n: usize) -> String {
    format!("演练 drill {n}")
}

fn who(n: usize, role: Role) -> Option<Arc<Who>> {
    let (name, unit) = (AccountName::parse(&account(n)).ok()?, UnitName::parse("演练 drill").ok()?);
    Some(Arc::new(Who { account: AccountId(uuid::Uuid::nil()), name, unit, role, factor: None, session: None }))
}

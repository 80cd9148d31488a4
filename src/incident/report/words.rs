//! The fixed words of reports and reviews, in Chinese and English: official forms are in these two alone.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::incident::plan::{Category, Duty, Plan, Report, Texts};
use crate::incident::trigger::{Kind, Per};
use crate::model::{AccountName, Level, LockdownScope, Stage};

/// In which language a form is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormLanguage {
    #[serde(rename = "zh")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

impl FormLanguage {
    pub const WORDS: [(&str, Self); 2] = [("zh", Self::Chinese), ("en", Self::English)];

    pub fn word(self) -> &'static str {
        self.of("zh", "en")
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, language)| *language)
    }

    /// As HTML has it (BCP 47).
    pub fn tag(self) -> &'static str {
        self.of("zh-Hans", "en")
    }

    pub fn of<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }

    pub fn text(self, texts: &Texts) -> &str {
        self.of(&texts.zh, &texts.en)
    }

    pub(super) fn comma(self) -> &'static str {
        self.of("、", ", ")
    }

    /// With how far its place is from UTC.
    pub(super) fn time(self, time: Time, zone: &TimeZone) -> String {
        time.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S (UTC%:z)").to_string()
    }

    /// The two largest parts of it.
    pub(super) fn length(self, length: Duration) -> String {
        let seconds = length.as_secs();
        let parts = [
            (seconds / 86_400, self.of("天", " d")),
            (seconds / 3_600 % 24, self.of("小时", " h")),
            (seconds / 60 % 60, self.of("分", " min")),
            (seconds % 60, self.of("秒", " s")),
        ];
        let told: Vec<String> = parts
            .iter()
            .skip_while(|(count, _)| *count == 0)
            .take(2)
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count}{unit}"))
            .collect();
        if told.is_empty() { format!("0{}", self.of("秒", " s")) } else { told.join(self.of("", " ")) }
    }

    /// With the plan's own name of it, or else the national plan's (section 1.4).
    pub(super) fn level(self, level: Level, plan: Option<&Plan>) -> String {
        let own = plan.and_then(|plan| plan.levels.iter().find(|terms| terms.level == level)).map(|terms| self.text(&terms.names));
        let name = own.filter(|name| !name.is_empty()).unwrap_or(match level {
            Level::I => self.of("特别重大", "extraordinarily serious"),
            Level::II => self.of("重大", "serious"),
            Level::III => self.of("较大", "considerable"),
            Level::IV => self.of("一般", "general"),
        });
        match self {
            Self::Chinese => format!("{level} 级（{name}）"),
            Self::English => format!("level {level} ({name})"),
        }
    }

    /// GB/T 20986-2023, section 5.2.
    pub fn category(self, category: Category) -> &'static str {
        match category {
            Category::MaliciousCode => self.of("恶意程序事件", "malicious code"),
            Category::Attack => self.of("网络攻击事件", "network attack"),
            Category::Data => self.of("数据安全事件", "data security"),
            Category::Content => self.of("信息内容安全事件", "information content"),
            Category::Equipment => self.of("设备设施故障事件", "failure of equipment"),
            Category::Violation => self.of("违规操作事件", "violation of rules"),
            Category::HiddenDanger => self.of("安全隐患事件", "hidden danger"),
            Category::AbnormalBehaviour => self.of("异常行为事件", "abnormal behaviour"),
            Category::ForceMajeure => self.of("不可抗力事件", "force majeure"),
            Category::Other => self.of("其他事件", "other"),
        }
    }

    pub fn report(self, report: Report) -> &'static str {
        match report {
            Report::First => self.of("首次报告", "First report"),
            Report::Supplement => self.of("补充报告", "Supplementary report"),
            Report::Situation => self.of("情况进展报告", "Situation report"),
            Report::Summary => self.of("处置总结报告", "Summary report"),
        }
    }

    pub fn stage(self, stage: Stage) -> &'static str {
        match stage {
            Stage::Detected => self.of("已发现，待研判", "detected, to be assessed"),
            Stage::Assessed => self.of("已研判定级", "assessed"),
            Stage::Responding => self.of("处置中", "responding"),
            Stage::Contained => self.of("已遏制", "contained"),
            Stage::Recovering => self.of("恢复中", "recovering"),
            Stage::Closed => self.of("已结束", "closed"),
            Stage::Reviewed => self.of("已复盘", "reviewed"),
            Stage::Dismissed => self.of("已撤销（误报）", "dismissed as a false alarm"),
            Stage::Merged => self.of("已并入其他事件", "part of another incident"),
        }
    }

    pub(super) fn duty(self, duty: Duty) -> &'static str {
        match duty {
            Duty::Commander => self.of("指挥", "commander"),
            Duty::Handler => self.of("处置", "handler"),
            Duty::Recorder => self.of("记录", "recorder"),
            Duty::Liaison => self.of("联络", "liaison"),
        }
    }

    /// With the name that the plan knows her by.
    pub(super) fn person(self, account: &AccountName, plan: Option<&Plan>) -> String {
        let known = plan.and_then(|plan| plan.shifts.iter().find(|shift| shift.account == *account)).map(|shift| shift.name.as_str());
        match known.filter(|name| !name.is_empty()) {
            Some(name) => format!("{name} [{account}]"),
            None => account.to_string(),
        }
    }

    /// What a trigger of the plan means when it finds something.
    pub(super) fn finding(self, kind: &Kind) -> &'static str {
        match kind {
            Kind::Failures { per: Per::Account, .. } => self.of("同一账号多次登录失败", "many failed sign-ins of one account"),
            Kind::Failures { per: Per::Address, .. } => self.of("同一地址多次登录失败", "many failed sign-ins from one address"),
            Kind::Failures { per: Per::Unit, .. } => self.of("同一单位多次登录失败", "many failed sign-ins of one unit"),
            Kind::ManyAccounts { .. } => self.of("同一地址以多个账号名尝试登录失败", "one address failed to sign in with many names"),
            Kind::SecondFactor { .. } => self.of("口令正确后第二因素多次失败", "a second factor failed many times after a right password"),
            Kind::TokenMisused => self.of("令牌或证书使用异常", "a token or a certificate was used as it may not be"),
            Kind::TwoPlaces { .. } => self.of("同一账号短时间内在两处使用", "one account was used from two places at once"),
            Kind::OutsideHours { .. } => self.of("非工作时间使用", "use outside of working hours"),
            Kind::BulkDownload { .. } => self.of("大量下载", "a bulk download"),
            Kind::Dormant { .. } => self.of("长期未用的账号登录", "a sign-in of an account that was long unused"),
            Kind::StaffAddress { .. } => self.of("管理人员从其他地址登录", "a sign-in of staff from elsewhere"),
            Kind::PolicyLoosened => self.of("策略被放宽", "the policy lets more through than before"),
            Kind::LogBroken => self.of("日志被修复、写满或校验不符", "the log was repaired, was full, or did not check"),
            Kind::SelfTestFailed => self.of("自检失败", "a self-test failed"),
            Kind::UpstreamErrors { .. } => self.of("后台大量出错", "a back office answers with many errors"),
            Kind::PageChanged { .. } => self.of("公开页面在无人修改时变化", "a public page changed while nobody worked on it"),
        }
    }
}

/// That something was closed in an emergency, or opened again.
pub(super) fn shut(language: FormLanguage, scope: &LockdownScope, is_closed: bool) -> String {
    let (zh, en) = match scope {
        LockdownScope::All => ("全部系统".to_owned(), "all apps".to_owned()),
        LockdownScope::App(app) => (format!("系统 {app}"), format!("the app {app}")),
        LockdownScope::Unit(unit) => (format!("单位“{unit}”"), format!("the unit {unit}")),
    };
    let (zh_done, en_done) = if is_closed { ("紧急关闭", "closed at once") } else { ("恢复", "opened again") };
    match language {
        FormLanguage::Chinese => format!("{zh_done}：{zh}"),
        FormLanguage::English => format!("{en_done}: {en}"),
    }
}

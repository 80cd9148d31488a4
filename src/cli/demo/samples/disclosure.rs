//! 政府信息公开系统: requests for information under the disclosure regulations, and a form that answers them.

use std::sync::{Mutex, PoisonError};

use askama::Template;
use bytes::Bytes;

use super::files::File;
use super::form::{Form, Visitor};
use super::office::Office;

#[derive(Clone)]
struct Inquiry {
    number: &'static str,
    applicant: &'static str,
    subject: &'static str,
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    text: String,
    by: String,
}

pub(super) struct Disclosure(Mutex<Vec<Inquiry>>);

impl Default for Disclosure {
    fn default() -> Self {
        let inquiry = |number, applicant, subject| Inquiry { number, applicant, subject, answer: None };
        let mut inquiries = vec![
            inquiry("依申请〔2026〕041号", "刘某", "申请公开友好路道路改造工程的预算执行情况"),
            inquiry("依申请〔2026〕042号", "阿某", "申请公开本年度老旧小区改造名单"),
            inquiry("依申请〔2026〕043号", "陈某", "申请公开公交线路调整的听证会记录"),
        ];
        if let Some(first) = inquiries.first_mut() {
            first.answer = Some(Answer {
                text: "该信息已主动公开，请见财政局网站“预决算公开”栏目。".into(), by: "信息公开办公室".into()
            });
        }
        Self(Mutex::new(inquiries))
    }
}

#[derive(Template)]
#[template(path = "disclosure.html", config = "src/cli/demo/samples/askama.toml")]
struct Page<'a> {
    visitor: &'a Visitor,
    inquiries: &'a [Inquiry],
    open: usize,
    files: &'a [File],
}

impl Office for Disclosure {
    fn page(&self, _: &Form, visitor: &Visitor, files: &[File]) -> askama::Result<String> {
        let inquiries = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let open = inquiries.iter().filter(|inquiry| inquiry.answer.is_none()).count();
        Page { visitor, inquiries: &inquiries, open, files }.render()
    }

    fn submit(&self, form: &Form, visitor: &Visitor) -> bool {
        let (number, text) = (form.field("number"), form.field("answer").to_owned());
        let mut inquiries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inquiries.iter_mut().find(|inquiry| inquiry.number == number) {
            Some(inquiry) if !text.is_empty() => {
                inquiry.answer = Some(Answer { text, by: visitor.user.clone() });
                true
            }
            _ => false,
        }
    }

    fn style(&self) -> &'static str {
        include_str!("html/disclosure.css")
    }

    fn handout(&self) -> File {
        let content = "政府信息公开指南\r\n\r\n一、公开范围\r\n二、依申请公开的程序\r\n三、答复期限：自收到申请之日起二十个工作日内。\r\n";
        File { key: "handout".into(), name: "信息公开指南.txt".into(), content: Bytes::from_static(content.as_bytes()) }
    }

    fn greeting(&self) -> &'static str {
        "受理窗口已连接"
    }
}

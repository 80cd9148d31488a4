//! 政务网站群系统: the sites of a city's departments, and a form that publishes an article on one of them.

use std::sync::{Mutex, PoisonError};

use askama::Template;
use bytes::Bytes;

use super::files::File;
use super::form::{Form, Visitor};
use super::office::Office;

const SITES: [&str; 4] = ["市政府门户网站", "市教育局", "市卫生健康委员会", "市公安局"];
const MOST_ARTICLES: usize = 50;

#[derive(Clone)]
struct Article {
    site: &'static str,
    title: String,
    text: String,
    author: String,
}

pub(super) struct Cluster(Mutex<Vec<Article>>);

impl Default for Cluster {
    fn default() -> Self {
        let article = |site, title: &str, text: &str| Article { site, title: title.into(), text: text.into(), author: "编辑部".into() };
        Self(Mutex::new(vec![
            article("市政府门户网站", "关于冬季供暖的通知", "全市集中供暖自十月十五日零时开始。"),
            article("市教育局", "中小学寒假时间安排", "全市中小学寒假自一月十日开始。"),
        ]))
    }
}

#[derive(Template)]
#[template(path = "sites.html", config = "src/cli/demo/samples/askama.toml")]
struct Page<'a> {
    visitor: &'a Visitor,
    sites: &'static [&'static str],
    articles: &'a [Article],
    files: &'a [File],
}

impl Office for Cluster {
    fn page(&self, _: &Form, visitor: &Visitor, files: &[File]) -> askama::Result<String> {
        let articles = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Page { visitor, sites: &SITES, articles: &articles, files }.render()
    }

    fn submit(&self, form: &Form, visitor: &Visitor) -> bool {
        let Some(site) = SITES.into_iter().find(|site| *site == form.field("site")) else { return false };
        let (title, text) = (form.field("title").to_owned(), form.field("text").to_owned());
        if title.is_empty() {
            return false;
        }
        let mut articles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        articles.insert(0, Article { site, title, text, author: visitor.user.clone() });
        articles.truncate(MOST_ARTICLES);
        true
    }

    fn style(&self) -> &'static str {
        include_str!("html/sites.css")
    }

    fn handout(&self) -> File {
        let content = Bytes::from_static(
            "\u{feff}网站,状态\r\n市政府门户网站,正常\r\n市教育局,正常\r\n市卫生健康委员会,正常\r\n市公安局,维护\r\n".as_bytes(),
        );
        File { key: "handout".into(), name: "网站清单.csv".into(), content }
    }

    fn greeting(&self) -> &'static str {
        "发布服务已连接"
    }
}

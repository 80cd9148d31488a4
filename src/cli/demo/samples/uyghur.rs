//! 维文政务网站后台: the articles of a Uyghur-language site (right to left), and a form that edits one.

use std::sync::{Mutex, PoisonError};

use askama::Template;
use bytes::Bytes;

use super::files::File;
use super::form::{Form, Visitor};
use super::office::Office;

#[derive(Clone)]
struct Article {
    id: &'static str,
    title: String,
    text: String,
    editor: String,
}

pub(super) struct Editor(Mutex<Vec<Article>>);

impl Default for Editor {
    fn default() -> Self {
        let article = |id, title: &str, text: &str| Article {
            id, title: title.into(), text: text.into(), editor: "تەھرىر بۆلۈمى".into()
        };
        Self(Mutex::new(vec![
            article("1", "قىشلىق ئىسسىنىش ئۇقتۇرۇشى", "شەھەر بويىچە ئىسسىنىش 15-ئۆكتەبىردىن باشلىنىدۇ."),
            article("2", "ئاپتوبۇس لىنىيەسى ئۆزگەردى", "7-لىنىيە بۈگۈندىن باشلاپ يېڭى بېكەتتە توختايدۇ."),
        ]))
    }
}

#[derive(Template)]
#[template(path = "uyghur.html", config = "src/cli/demo/samples/askama.toml")]
struct Page<'a> {
    visitor: &'a Visitor,
    articles: &'a [Article],
    edited: Option<&'a Article>,
    files: &'a [File],
}

impl Office for Editor {
    fn page(&self, query: &Form, visitor: &Visitor, files: &[File]) -> askama::Result<String> {
        let articles = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = query.field("article");
        let edited = articles.iter().find(|article| article.id == wanted).or(articles.first());
        Page { visitor, articles: &articles, edited, files }.render()
    }

    fn submit(&self, form: &Form, visitor: &Visitor) -> bool {
        let (id, title) = (form.field("article"), form.field("title"));
        let mut articles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match articles.iter_mut().find(|article| article.id == id) {
            Some(article) if !title.is_empty() => {
                title.clone_into(&mut article.title);
                form.field("text").clone_into(&mut article.text);
                article.editor.clone_from(&visitor.user);
                true
            }
            _ => false,
        }
    }

    fn style(&self) -> &'static str {
        include_str!("html/uyghur.css")
    }

    fn handout(&self) -> File {
        let content = "تور بېكەت ئىشلىتىش قوللانمىسى\r\n\r\n1. ماقالە تاللاش\r\n2. تەھرىرلەش\r\n3. ساقلاش\r\n";
        File { key: "handout".into(), name: "قوللانما.txt".into(), content: Bytes::from_static(content.as_bytes()) }
    }

    fn greeting(&self) -> &'static str {
        "ئۇلاندى"
    }
}

//! What is shown of durable calls and of calls of models, also of those that a journal answers.
#![allow(clippy::unwrap_used)]

use super::spans::{Attribute, Kind, Span};
use super::*;
use flink_agents_core::config::ConfigMap;
use flink_agents_core::event_log::{CallReport, Chance, Entity, Levels, Problem, Settings, Status, Trace};
use flink_agents_core::ids::{KeySlot, TaskId};
use flink_agents_core::value::Value;

/// Keeps spans, since nobody sends them.
fn keeping() -> Exporter {
    Exporter {
        shared: Arc::default(),
        thread: Mutex::new(None),
    }
}

/// Ids in order; a millisecond passes from one look at the clock to the next.
#[derive(Default)]
struct Counting(u128, u32);

impl Chance for Counting {
    fn id(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }

    fn now(&mut self) -> (i64, u32) {
        self.1 += 1_000_000;
        (1, self.1)
    }
}

const KEY: KeySlot = KeySlot(0);

/// A run with an action that goes on.
struct Traced {
    trace: Trace,
    ids: Counting,
    levels: Levels,
    spans: Spans,
    task: TaskId,
}

impl Traced {
    fn begin() -> Traced {
        let (mut trace, mut ids) = (Trace::default(), Counting::default());
        let levels = Levels::new(Settings::read(&ConfigMap::default()).unwrap());
        let mut spans = Spans::new(Arc::new(keeping()), "shop");
        let task = TaskId::from_bits(7);
        let entry = trace.action((KEY, task), &"pay".into(), None, Status::Started, (&levels, &mut ids));
        spans.execution(&entry, &Value::Null);
        Traced {
            trace,
            ids,
            levels,
            spans,
            task,
        }
    }

    fn model(&mut self, status: Status, details: &[(&str, Value)]) {
        let entity = Entity {
            entity_type: "llm".to_owned(),
            name: "helper".to_owned(),
            metadata: Value::Map(vec![("model".to_owned(), Value::from("gpt-x"))]),
        };
        let levels = (&self.levels, &mut self.ids);
        let entry = self.trace.inside(self.task, entity, status, None, levels).unwrap();
        let details = details.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.spans.execution(&entry, &Value::Map(details.collect()));
    }

    fn call(&mut self, call: CallReport) {
        let context = self.trace.of_action(self.task, &mut self.ids).unwrap();
        self.spans.call(&context, self.ids.id(), call);
    }

    /// The spans, with the run and its action at the end.
    fn end(mut self) -> Vec<Span> {
        let levels = (&self.levels, &mut self.ids);
        let entry = self.trace.action_ended(self.task, None, levels).unwrap();
        self.spans.execution(&entry, &Value::Null);
        let run = self.trace.run_ended(KEY, true).unwrap();
        self.spans.run_ended(run, (2, 0));
        std::mem::take(&mut self.spans.exporter().shared.lock().waiting)
    }
}

fn call(function: &str) -> CallReport {
    CallReport {
        function: function.to_owned(),
        number: 0,
        start: 1_500_000,
        end: 1_700_000,
        replayed: false,
        problem: None,
    }
}

fn attribute<'s>(span: &'s Span, name: &str) -> Option<&'s Attribute> {
    span.attributes
        .iter()
        .find_map(|(key, value)| (*key == name).then_some(value))
}

fn text(text: &str) -> Attribute {
    Attribute::Text(text.into())
}

#[test]
fn a_durable_call_is_a_span_below_its_action_and_says_when_it_was() {
    let mut traced = Traced::begin();
    traced.call(call("shop.charge"));
    traced.call(CallReport {
        number: 1,
        problem: Some(Problem {
            category: None,
            error_type: "OSError".to_owned(),
            error_message: Some("no route".to_owned()),
        }),
        ..call("shop.mail")
    });
    let spans = traced.end();
    let [charge, mail, action, run] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(
        (charge.name.as_str(), charge.kind),
        ("call shop.charge", Kind::Internal)
    );
    assert_eq!((charge.start, charge.end), (1_500_000_000, 1_700_000_000));
    assert_eq!(attribute(charge, "flink_agents.call"), Some(&text("shop.charge")));
    assert_eq!(attribute(charge, "flink_agents.call.number"), Some(&Attribute::Int(0)));
    assert_eq!(attribute(charge, "flink_agents.replayed"), None);
    assert_eq!(attribute(charge, "gen_ai.operation.name"), None);
    assert_eq!(charge.failed, None);
    assert_eq!(attribute(mail, "flink_agents.call.number"), Some(&Attribute::Int(1)));
    assert_eq!(attribute(mail, "error.type"), Some(&text("OSError")));
    assert_eq!(mail.failed.as_ref().unwrap().message, "no route");
    assert_ne!(charge.id, mail.id);
    for below in [charge, mail] {
        assert_eq!((below.parent, below.trace), (Some(action.id), run.trace));
    }
    assert_eq!((action.parent, &action.failed), (Some(run.id), &None));
}

#[test]
fn a_replayed_call_is_marked_and_takes_no_time() {
    let mut traced = Traced::begin();
    traced.call(CallReport {
        replayed: true,
        ..call("shop.charge")
    });
    let spans = traced.end();
    assert_eq!(spans[0].start, spans[0].end);
    let marked: Vec<_> = spans
        .iter()
        .filter(|span| attribute(span, "flink_agents.replayed") == Some(&Attribute::Bool(true)))
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(marked, ["call shop.charge", "invoke_agent shop"]);
}

#[test]
fn a_chat_says_who_answered_and_for_how_many_tokens_unless_it_is_replayed() {
    let told = [
        ("provider", Value::from("azure-openai")),
        ("inputTokens", Value::I64(17)),
        ("outputTokens", Value::I32(4)),
    ];
    let mut traced = Traced::begin();
    traced.model(Status::Started, &[]);
    traced.model(Status::Success, &told);
    traced.model(Status::Started, &[]);
    let mut again = told.to_vec();
    again.push(("replayed", Value::Bool(true)));
    traced.model(Status::Success, &again);
    let spans = traced.end();
    let (made, replayed) = (&spans[0], &spans[1]);
    assert_eq!(made.name, "chat gpt-x");
    assert!(made.start < made.end);
    assert_eq!(attribute(made, "gen_ai.provider.name"), Some(&text("azure.ai.openai")));
    assert_eq!(attribute(made, "gen_ai.usage.input_tokens"), Some(&Attribute::Int(17)));
    assert_eq!(attribute(made, "gen_ai.usage.output_tokens"), Some(&Attribute::Int(4)));
    assert_eq!(attribute(made, "flink_agents.replayed"), None);
    assert_eq!(replayed.start, replayed.end);
    assert_eq!(attribute(replayed, "gen_ai.usage.input_tokens"), None);
    assert_eq!(attribute(replayed, "gen_ai.usage.output_tokens"), None);
    assert_eq!(
        attribute(replayed, "flink_agents.replayed"),
        Some(&Attribute::Bool(true))
    );
}

//! `flowc explain`: what a program compiles to, and with `--analyze` what it did.

use crate::cache;
use crate::cli::{ExplainArgs, ReportFormat};
use crate::command::run::{execute, grouped, level, options, summary, warnings};
use crate::failure::{Failure, Status};
use crate::output::say;
use crate::program::{Program, colored};
use flow_compiler::explain::{Recorder, Report, explain_logical, explain_physical};
use flow_compiler::optimize::optimize;
use flow_ir::Span;
use flow_runtime::persist::{PersistState, persist_states};
use flow_runtime::{PrintFormat, RunReport};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Explains a program.
pub(crate) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let compiled = program.compile(&args.program)?;
    let mut recorder = Recorder::new();
    let optimized = optimize(compiled.plan.clone(), level(&args.engine), &mut |run| recorder.observe(run));
    let plan = flow_compiler::stage::cut_stages(&optimized);
    let mut options = options(&args.engine);
    options.code_text = args.clif || args.asm;
    options.print = PrintFormat::Csv;
    options.cache = cache::options(&args.cache);
    let persists = persist_states(&plan, options.cache.as_ref());
    let code = if options.code_text && !args.analyze { stage_code(&plan, &options)? } else { Vec::new() };
    let run = match args.analyze {
        true => Some(execute(&program, &plan, &options, true, colored(args.program.color), true)?),
        false => None,
    };
    let code = run.as_ref().map_or(code, |r| r.stages.iter().flat_map(|s| s.code.clone()).collect());
    let groups = flow_runtime::row_groups(&plan)
        .map_err(|e| Failure::message(Status::Data, format!("`{}` {}", e.path.display(), e.error)))?;
    let mut out = String::new();
    match args.format {
        ReportFormat::Json => {
            let report = Report::new(&optimized, &plan, recorder);
            let mut value = serde_json::to_value(&report)
                .map_err(|e| Failure::message(Status::Internal, format!("the report is not JSON: {e}")))?;
            value["row_groups"] = groups
                .iter()
                .map(|g| {
                    let pages = json!({ "read": g.pages.0, "all": g.pages.1 });
                    json!({ "stage": g.stage, "pattern": g.pattern, "read": g.read, "all": g.all, "pages": pages })
                })
                .collect();
            value["persists"] = persists_json(&persists, &program);
            value["code"] = code.iter().map(|c| json!({ "name": c.0, "clif": c.1, "asm": c.2 })).collect();
            if let Some(run) = &run {
                value["analyze"] = analyze_json(run, &program);
            }
            let _ = writeln!(out, "{value:#}");
        }
        ReportFormat::Text => {
            if args.passes {
                for report in recorder.reports() {
                    let _ = writeln!(out, "{}", report.text(&|span| program.place(span)));
                }
            }
            let _ = writeln!(out, "{}", explain_logical(&optimized).trim_end());
            let _ = writeln!(out, "\n{}", explain_physical(&plan, recorder.names()).trim_end());
            for g in &groups {
                let (stage, pattern) = (g.stage, &g.pattern);
                let pages = match g.pages {
                    (_, 0) => String::new(),
                    (read, all) => format!(", {read} of {all} pages in them"),
                };
                let _ = writeln!(
                    out,
                    "\nstage {stage}: {} of {} row groups of {pattern} are read{pages}, by their statistics",
                    g.read, g.all
                );
            }
            out.push_str(&persists_text(&persists, &program));
            for (name, clif, asm) in &code {
                if args.clif {
                    let _ = writeln!(out, "\n; {name}\n{}", clif.trim_end());
                }
                if args.asm {
                    let _ = writeln!(out, "\n; {name}\n{}", asm.trim_end());
                }
            }
            if let Some(run) = &run {
                out.push('\n');
                out.push_str(&analyze_text(run, &program));
            }
        }
    }
    say(out)
}

/// What a run would find stored.
fn persists_text(persists: &[PersistState], program: &Program) -> String {
    let mut out = String::new();
    for p in persists {
        let name = if p.name.is_empty() { String::new() } else { format!(" {}", p.name) };
        let _ = writeln!(out, "\npersist({}){name} ({}): {}", p.level, program.place(p.span), p.text);
    }
    out
}

fn persists_json(persists: &[PersistState], program: &Program) -> Json {
    let one = |p: &PersistState| {
        let place = program.place(p.span);
        json!({ "name": p.name, "place": place, "level": p.level, "key": p.key, "state": p.text })
    };
    persists.iter().map(one).collect()
}

/// What was read from files and from what earlier runs have stored, with the places of the program.
fn read_and_stored(run: &RunReport) -> Vec<(Span, String)> {
    let persisted = run.persisted.iter().map(|p| {
        let (rows, cached, bytes) = (grouped(p.rows), grouped(p.cached), grouped(p.bytes));
        (p.span, format!("persist: {rows} rows, from the cache: {cached} rows, {bytes} bytes"))
    });
    let sources = run.sources.iter().map(|s| {
        let files = if s.files == 1 { "1 file".to_owned() } else { format!("{} files", s.files) };
        (s.span, format!("read: {files}, {} rows, {} bytes", grouped(s.read), grouped(s.bytes)))
    });
    persisted.chain(sources).collect()
}

type Code = Vec<(String, String, String)>;

fn stage_code(plan: &flow_ir::PhysicalPlan, options: &flow_runtime::RunOptions) -> Result<Code, Failure> {
    flow_runtime::compile_only(plan, options)
        .map_err(|e| Failure::message(Status::Internal, format!("native code could not be made: {e:?}")))
}

/// What every line of the program did, and every stage.
fn analyze_text(run: &RunReport, program: &Program) -> String {
    let sources = program.sources();
    let line = |at: u32| (sources.file_of(at), sources.line_column(at).line);
    let mut lines: BTreeMap<(usize, u32), Vec<String>> = BTreeMap::new();
    for o in &run.operations {
        let text = format!(
            "{}: {} rows in, {} out, {}",
            o.word,
            grouped(o.rows_in),
            grouped(o.rows_out),
            milliseconds(o.time)
        );
        let entry = lines.entry(line(o.span.start)).or_default();
        entry.push(text);
        entry.extend(o.steps.iter().map(|s| format!("  {s}")));
    }
    for l in &run.leaves {
        lines.entry(line(l.span.start)).or_default().push(format!(
            "{}: {} rows in, {} out, {} bytes, {}, then {} to finish",
            l.word,
            grouped(l.rows_in),
            grouped(l.rows_out),
            grouped(l.bytes),
            milliseconds(l.time),
            milliseconds(l.finish)
        ));
    }
    for (span, text) in read_and_stored(run) {
        lines.entry(line(span.start)).or_default().push(text);
    }
    let mut out = String::new();
    for (file, named) in sources.files().iter().enumerate() {
        let is_program = file == 0;
        // Of imported files, only the lines that did something.
        if !is_program && lines.range((file, 0)..(file + 1, 0)).next().is_some() {
            let _ = writeln!(out, "{}:", named.name);
        }
        for (number, text) in sources.text_of(file).lines().enumerate() {
            let notes = lines.get(&(file, number as u32 + 1));
            if is_program || notes.is_some() {
                let _ = writeln!(out, "{:>4} | {text}", number + 1);
            }
            for note in notes.into_iter().flatten() {
                let _ = writeln!(out, "     |     {note}");
            }
        }
    }
    for s in &run.stages {
        let _ = writeln!(
            out,
            "stage {}: compiled in {}, ran {}, {} bytes in {} chunks",
            s.stage,
            milliseconds(s.compile),
            milliseconds(s.run),
            grouped(s.bytes),
            grouped(s.chunks)
        );
    }
    out.push_str(&warnings(run));
    out.push_str(&summary(run));
    out
}

fn analyze_json(run: &RunReport, program: &Program) -> Json {
    let operations: Json = run
        .operations
        .iter()
        .map(|o| {
            json!({
                "stage": o.stage, "operation": o.word, "place": program.place(o.span), "rows_in": o.rows_in,
                "rows_out": o.rows_out, "seconds": o.time.as_secs_f64(), "steps": o.steps,
            })
        })
        .collect();
    let sources: Json = run.sources.iter().map(|s| {
        json!({
            "pattern": s.pattern, "place": program.place(s.span), "files": s.files, "bytes": s.bytes, "read": s.read, "kept": s.kept,
            "filtered": s.filtered, "quarantined": s.quarantined, "skipped": s.skipped,
        })
    }).collect();
    let stages: Json = run.stages.iter().map(|s| {
        json!({
            "stage": s.stage, "compile_seconds": s.compile.as_secs_f64(), "run_seconds": s.run.as_secs_f64(),
            "bytes": s.bytes, "chunks": s.chunks,
        })
    }).collect();
    let leaves: Json = run
        .leaves
        .iter()
        .map(|l| {
            json!({
                "stage": l.stage, "leaf": l.word, "place": program.place(l.span), "rows_in": l.rows_in,
                "rows_out": l.rows_out, "bytes": l.bytes, "seconds": l.time.as_secs_f64(),
                "finish_seconds": l.finish.as_secs_f64(),
            })
        })
        .collect();
    let persisted: Json = run
        .persisted
        .iter()
        .map(|p| {
            json!({
                "name": p.name, "place": program.place(p.span), "level": p.level, "rows": p.rows,
                "rows_from_cache": p.cached, "bytes": p.bytes, "parts": p.parts, "parts_from_cache": p.reused,
                "evicted": p.evicted, "note": p.note,
            })
        })
        .collect();
    json!({
        "operations": operations, "leaves": leaves, "sources": sources, "stages": stages, "persisted": persisted,
        "warnings": warnings(run),
    })
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

//! Whoever kills the program, and remembers what it said before.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::halting::Place;
use super::life::{BEGINS, ENDED, HALTED, Order, READY, SAYS, TOLD};
use super::tables::MARKS;
use crate::chance::Chance;

/// What the program is called.
const PROGRAM: &str = "audit_crash::life::the_program_that_is_killed";

/// As long as it may take to come to some place.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lives of a program, one after the other and some at once, on the same files.
pub(super) struct Lives {
    order: Order,
    chance: Chance,
    turns: usize,
    /// How long the program took to be ready, the last time.
    start: Duration,
    pub(super) lived: Vec<Lived>,
    /// How it was killed, and how often.
    pub(super) kills: BTreeMap<String, usize>,
}

/// A life that is over.
pub(super) struct Lived {
    pub(super) order: Order,
    /// The names of the records that its callers were told of.
    pub(super) told: Vec<String>,
}

impl Lives {
    pub(super) fn new(url: &str, directory: &Path, seed: u64) -> Self {
        let order = Order {
            url: url.to_owned(),
            directory: directory.to_owned(),
            jsonl: true,
            sqlite: false,
            first: MARKS,
            seed,
            halt: None,
            calls: None,
        };
        let start = Duration::from_millis(300);
        Self { order, chance: Chance::new(seed), turns: 0, start, lived: Vec::new(), kills: BTreeMap::new() }
    }

    /// How often it was killed.
    pub(super) fn killed(&self) -> usize {
        self.kills.values().sum()
    }

    /// A life or two more, and their end. The kinds take turns, so that few kills meet each of them.
    pub(super) fn kill_next(&mut self) {
        let (turn, passed) = (self.turns, self.chance.index(40));
        self.turns += 1;
        match turn % 12 {
            0 => self.kill_sometime("at any time", true, false),
            1 => self.kill_at(Place::HalfRecord, passed),
            2 => self.kill_sometime("at any time, two stores", true, true),
            3 => self.kill_at(Place::HalfIntent, passed),
            4 => self.kill_while_it_starts(),
            5 => self.kill_one_of_two(),
            6 => self.kill_at(Place::Intent, passed),
            // What was left open is closed by a program that is killed while it does so.
            7 => self.kill_at(Place::Closing, 0),
            8 => self.kill_at(Place::BeforeRecord, passed),
            9 => self.kill_sometime("at any time, store in a database", false, true),
            10 => self.kill_one_of_two_that_halts(passed),
            _ => self.kill_sometime("at any time, two stores", true, true),
        }
    }

    /// A life that ends by itself, after which nothing is open.
    pub(super) fn end_in_order(&mut self) {
        let order = Order { jsonl: true, sqlite: true, calls: Some(5), ..self.next_order() };
        let mut life = Life::begin(order);
        life.listen_for(ENDED);
        let (lived, status) = life.end(false);
        assert!(status.success(), "the program that was not killed failed: {status}");
        self.lived.push(lived);
    }

    fn kill_sometime(&mut self, how: &str, jsonl: bool, sqlite: bool) {
        let mut life = Life::begin(Order { jsonl, sqlite, ..self.next_order() });
        self.wait_until_ready(&mut life);
        life.listen(self.some_time());
        self.kill(life, how);
    }

    fn kill_at(&mut self, place: Place, passed: usize) {
        let mut life = Life::begin(Order { halt: Some((place, passed)), ..self.next_order() });
        life.listen_for(HALTED);
        self.kill(life, &place.to_string());
    }

    fn kill_while_it_starts(&mut self) {
        let mut life = Life::begin(self.next_order());
        life.listen_for(BEGINS);
        let most = u64::try_from(self.start.as_millis()).unwrap().max(1);
        life.listen(Duration::from_millis(self.chance.below(most)));
        self.kill(life, "while it started");
    }

    /// Another one has the same files, and goes on.
    fn kill_one_of_two(&mut self) {
        let mut one = Life::begin(self.next_order());
        self.wait_until_ready(&mut one);
        let mut other = Life::begin(self.next_order());
        other.listen_for(BEGINS);
        one.listen(self.some_time());
        self.kill(one, "beside another one");
        other.listen_for(READY);
        other.listen(self.some_time());
        self.kill(other, "after another one");
    }

    /// The one that is killed stands in the other one's way.
    fn kill_one_of_two_that_halts(&mut self, passed: usize) {
        let mut other = Life::begin(self.next_order());
        self.wait_until_ready(&mut other);
        let halt = Some((Place::HalfRecord, passed));
        let mut one = Life::begin(Order { halt, ..self.next_order() });
        one.listen_for(HALTED);
        self.kill(one, "beside another one, in the middle of the record of a commit");
        other.listen(self.some_time());
        self.kill(other, "after another one");
    }

    fn kill(&mut self, life: Life, how: &str) {
        let (lived, _) = life.end(true);
        self.lived.push(lived);
        *self.kills.entry(how.to_owned()).or_default() += 1;
    }

    fn wait_until_ready(&mut self, life: &mut Life) {
        life.listen_for(BEGINS);
        let began = Instant::now();
        life.listen_for(READY);
        self.start = began.elapsed();
    }

    fn next_order(&mut self) -> Order {
        let order = self.order.clone();
        self.order.first += MARKS;
        self.order.seed = self.order.seed.wrapping_add(1);
        order
    }

    /// How long the program is listened to.
    fn some_time(&mut self) -> Duration {
        Duration::from_millis(20 + self.chance.below(580))
    }
}

/// A life that goes on.
struct Life {
    order: Order,
    program: Child,
    lines: Receiver<String>,
    told: Vec<String>,
}

impl Life {
    fn begin(order: Order) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", PROGRAM, "--ignored", "--nocapture", "--test-threads", "1"]);
        let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut text = serde_json::to_string(&order).unwrap();
        text.push('\n');
        program.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap());
        let (heard, lines) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            // What does not end was not said.
            while said.read_line(&mut line).is_ok() && line.ends_with('\n') {
                // The first line begins with the name of the test.
                if let Some((_, said)) = line.trim_end().split_once(SAYS) {
                    let _ = heard.send(said.to_owned());
                }
                line.clear();
            }
        });
        Self { order, program, lines, told: Vec::new() }
    }

    /// Until it says something.
    fn listen_for(&mut self, word: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(said) if said == word => return,
                Ok(said) => self.hear(&said),
                Err(error) => {
                    let _ = self.program.kill();
                    panic!("the program never said `{word}`: {error}, {:?}", self.order);
                }
            }
        }
    }

    /// For some time, unless it ends.
    fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(said) => self.hear(&said),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended by itself: {:?}", self.order),
            }
        }
    }

    /// Kills it or lets it end, and hears what it said before.
    fn end(mut self, is_killed: bool) -> (Lived, std::process::ExitStatus) {
        if is_killed {
            self.program.kill().unwrap();
        }
        let status = self.program.wait().unwrap();
        while let Ok(said) = self.lines.recv() {
            self.hear(&said);
        }
        (Lived { order: self.order, told: self.told }, status)
    }

    fn hear(&mut self, said: &str) {
        self.told.extend(said.strip_prefix(TOLD).map(str::to_owned));
    }
}

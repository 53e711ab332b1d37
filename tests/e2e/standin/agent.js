'use strict';
// One turn of the scripted model as a coding agent: look at what the conversation shows as done,
// and ask for the next thing. The order: read the files, make the edits one by one, run the tests,
// commit, explain. Tools and their parameters are taken from the request, as the server has them.

const crypto = require('node:crypto');

const TRIES = 3;
const SAYS = '(I am a scripted model: I play a prepared script and do not think.)';

// [{name, args, result}] since the last message of the user; result is null where none came.
function callsOf(messages) {
  const results = new Map();
  for (const message of messages) {
    if (message.role === 'tool') results.set(message.tool_call_id, textOf(message.content));
  }
  const from = messages.map((message) => message.role).lastIndexOf('user');
  return messages.slice(from + 1).flatMap((message) =>
    (message.tool_calls || []).map((call) => ({
      name: call.function.name,
      args: parse(call.function.arguments),
      result: results.get(call.id) ?? null,
    })),
  );
}

function textOf(content) {
  if (typeof content === 'string') return content;
  return (content || []).map((part) => part.text || '').join('');
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function directoryOf(messages) {
  for (const message of messages) {
    const match = /Working directory: (.+)/.exec(textOf(message.content));
    if (match) return match[1].trim();
  }
  return '.';
}

// The tools that were offered, with the names that their parameters have there.
function toolsOf(request) {
  const tools = {};
  for (const { function: tool } of request.tools) {
    const names = Object.keys(tool.parameters.properties || {});
    tools[tool.name] = (pattern) => names.find((name) => pattern.test(name));
  }
  return tools;
}

function call(name, args) {
  return { id: `call_${crypto.randomBytes(9).toString('hex')}`, name, args };
}

// What the conversation shows, and how to ask for more.
class Turn {
  constructor(request) {
    this.calls = callsOf(request.messages);
    this.tools = toolsOf(request);
    this.directory = directoryOf(request.messages);
  }

  path(file) {
    return `${this.directory}/${file}`;
  }

  of(name, file) {
    return this.calls.filter(
      (one) => one.name === name && (!file || Object.values(one.args).includes(this.path(file))),
    );
  }

  read(file) {
    const name = this.tools.read(/path/i);
    return call('read', { [name]: this.path(file) });
  }

  isRead(file) {
    return this.of('read', file).some((one) => one.result?.includes('<content>'));
  }

  edit({ file, find, replace }) {
    const parameter = this.tools.edit;
    return call('edit', {
      [parameter(/path/i)]: this.path(file),
      [parameter(/old/i)]: find,
      [parameter(/new/i)]: replace,
    });
  }

  tried({ file, find }) {
    return this.of('edit', file).filter((one) => Object.values(one.args).includes(find));
  }

  // Done when the tool said so, or when a later look at the file shows the new text: an edit whose
  // answer was lost is seen by reading.
  isEdited(edit) {
    if (this.tried(edit).some((one) => /applied successfully/i.test(one.result || ''))) return true;
    const last = this.of('read', edit.file).at(-1);
    return Boolean(last?.result && shows(last.result, edit.replace));
  }

  hasFailedLast(edit) {
    const about = this.calls.filter((one) =>
      Object.values(one.args).includes(this.path(edit.file)),
    );
    return about.at(-1)?.name === 'edit' && this.tried(edit).includes(about.at(-1));
  }

  // The shell's last run of the command since the last edit.
  ran(command) {
    const from = this.calls.map((one) => one.name).lastIndexOf('edit');
    return this.calls
      .slice(from + 1)
      .findLast(
        (one) => one.name === 'bash' && one.args.command === command && one.result !== null,
      );
  }
}

// The read tool numbers its lines: compare without the numbers.
function shows(result, text) {
  return result.replace(/^\s*\d+[:|]\s?/gm, '').includes(text);
}

function todos(script, done) {
  const items = [...script.edits.map((edit) => edit.why), 'Run the tests', 'Commit'];
  return call('todowrite', {
    todos: items.map((content, index) => ({
      content,
      status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending',
      priority: 'high',
    })),
  });
}

function say(text, calls = []) {
  return { text: `${text} ${SAYS}`, calls, finish: calls.length ? 'tool_calls' : 'stop' };
}

function look(script, turn) {
  const unread = script.files.filter((file) => !turn.isRead(file));
  if (!unread.length || unread.some((file) => turn.of('read', file).length >= TRIES)) return null;
  const first = turn.tools.todowrite && !turn.of('todowrite').length ? [todos(script, 0)] : [];
  return say(`I read ${unread.join(', ')} first.`, [...first, ...unread.map((f) => turn.read(f))]);
}

function mend(script, turn) {
  const at = script.edits.findIndex((edit) => !turn.isEdited(edit));
  if (at < 0) return null;
  const edit = script.edits[at];
  if (turn.tried(edit).length >= TRIES) return say(`I could not edit ${edit.file}; I stop here.`);
  if (turn.hasFailedLast(edit)) {
    return say(`That edit did not take; I look at ${edit.file} again.`, [turn.read(edit.file)]);
  }
  return say(edit.why, [turn.edit(edit)]);
}

function check(script, turn) {
  const ran = turn.ran(script.test);
  if (!ran) return say('Now the tests.', [bash(turn, script.test, 'Runs the tests')]);
  if (/\bfail 0\b/.test(ran.result)) return null;
  return say('The tests fail; I leave the work uncommitted for a person to look at.');
}

function commit(script, turn) {
  const command = `git add -A && git commit -q -m ${quote(script.commit)} && git log --oneline -1`;
  if (turn.ran(command)) return null;
  return say('The tests pass. I commit.', [bash(turn, command, 'Commits the fix')]);
}

function bash(turn, command, description) {
  const extra = turn.tools.bash(/^description$/) ? { description } : {};
  return call('bash', { command, ...extra });
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// script, request of chat completions with tools -> {text, calls[], finish}
function next(script, request) {
  const turn = new Turn(request);
  return (
    look(script, turn) ??
    mend(script, turn) ??
    check(script, turn) ??
    commit(script, turn) ??
    say(script.explanation)
  );
}

module.exports = { next };

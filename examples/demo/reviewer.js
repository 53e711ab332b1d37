'use strict';
// The person in the demo: looks at the pull request with a token of their own, tries the branch,
// marks the request ready and merges it. tend can do neither.

const READY = `mutation Ready($id: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } }
}`;

class Reviewer {
  constructor(world) {
    this.url = world.github.url;
    this.repository = world.repository;
    this.token = world.secrets.reviewer;
  }

  async ask(method, where, body) {
    const response = await fetch(this.url + where, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        'user-agent': 'a-person',
        'content-type': 'application/json',
      },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok || answer.errors) {
      throw new Error(`${method} ${where}: ${response.status} ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  pulls() {
    return this.ask('GET', `/repos/${this.repository}/pulls?state=all`);
  }

  pull(number, part = '') {
    return this.ask('GET', `/repos/${this.repository}/pulls/${number}${part}`);
  }

  ready(pull) {
    return this.ask('POST', '/graphql', { query: READY, variables: { id: pull.node_id } });
  }

  merge(pull) {
    return this.ask('PUT', `/repos/${this.repository}/pulls/${pull.number}/merge`, {
      sha: pull.head.sha,
    });
  }
}

module.exports = { Reviewer };

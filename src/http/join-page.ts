/** What the page looks like. Light or dark as the reader's system is. */
export const joinStyle = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 24rem; margin: 12vh auto; padding: 0 1rem; }
label, button, input { display: block; width: 100%; box-sizing: border-box; font: inherit; }
label { margin-top: 1rem; }
input, button { padding: .5rem; margin-top: .25rem; }
button { margin-top: 1rem; cursor: pointer; }
output { display: block; margin-top: 1rem; min-height: 3rem; }
`;

/**
 * What the page does: signs in or up, accepts the invitation that stands behind the `#` of the address, and signs out.
 *
 * The token is never part of a request's address: browsers keep what stands behind `#` to themselves.
 */
export const joinScript = `
const form = document.querySelector('form');
const note = document.querySelector('output');

async function call(path, input, credential) {
  const headers = { 'content-type': 'application/json' };
  if (credential !== undefined) headers.authorization = 'Bearer ' + credential;
  const response = await fetch('trpc/' + path, { method: 'POST', headers, body: JSON.stringify(input) });
  const { result, error } = await response.json();
  if (error !== undefined) throw new Error(error.message);
  return result.data;
}

async function join(path) {
  const username = form.elements.username.value;
  const password = form.elements.password.value;
  const token = decodeURIComponent(location.hash.slice(1));
  if (token === '') throw new Error('This address holds no invitation: ask for the whole link.');
  const { tokens } = await call(path, { username, password });
  try {
    const { name, role } = await call('projects.invitations.accept', { token }, tokens.accessToken);
    history.replaceState(null, '', location.pathname);
    form.hidden = true;
    return 'You are in “' + name + '” now (role: ' + role + ').';
  } finally {
    await call('auth.logout', { refreshToken: tokens.refreshToken }).catch(() => undefined);
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  note.textContent = 'One moment ...';
  join(event.submitter.value).then(
    (words) => { note.textContent = words; },
    (error) => { note.textContent = error.message; },
  );
});
`;

/** The page that a link of an invitation opens, whole. */
export const joinPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Join a project · Promptwell</title>
<style>${joinStyle}</style>
</head>
<body>
<h1>Join a project</h1>
<p>You were invited to a project of this Promptwell. Sign in, or make an account, to join it.</p>
<form>
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" required maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button name="action" value="auth.login">Sign in and join</button>
<button name="action" value="auth.signup">Make an account and join</button>
</form>
<output></output>
<noscript>This page needs JavaScript. Programs join by <code>projects.invitations.accept</code>.</noscript>
<script>${joinScript}</script>
</body>
</html>
`;

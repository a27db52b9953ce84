// Makes the forms of the page callable. Without this script everything stays readable.
"use strict";

const token = document.querySelector("#token");
for (const hidden of document.querySelectorAll(".token, .act")) hidden.hidden = false;

// The token belongs to this tab: it is gone when the tab is.
token.value = sessionStorage.getItem("token") ?? "";
token.addEventListener("input", () => sessionStorage.setItem("token", token.value.trim()));

// A link to an endpoint opens it.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

function requestOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
    else if (value !== "") query.append(field.name, value);
  }
  const headers = {};
  if (token.value.trim()) headers.Authorization = `Bearer ${token.value.trim()}`;
  const body = form.elements.body?.value.trim() || undefined;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const asked = query.toString();
  return { url: path + (asked ? `?${asked}` : ""), options: { method: form.dataset.method, headers, body } };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function asCurl({ url, options }) {
  const words = ["curl"];
  if (options.method !== "GET") words.push("-X", options.method);
  for (const [name, value] of Object.entries(options.headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (options.body !== undefined) words.push("-d", quoted(options.body));
  words.push(quoted(location.origin + url));
  return words.join(" ");
}

function shown(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function put(form, name, text) {
  let place = form.querySelector(`pre.${name}`);
  if (!place) {
    place = document.createElement("pre");
    place.className = name;
    form.append(place);
  }
  place.textContent = text;
}

async function call(form) {
  const request = requestOf(form);
  const output = form.querySelector("output");
  const button = form.querySelector("button");
  put(form, "curl", asCurl(request));
  button.disabled = true;
  const started = performance.now();
  try {
    const answer = await fetch(request.url, request.options);
    const text = await answer.text();
    const milliseconds = Math.round(performance.now() - started);
    output.textContent = `${answer.status} ${answer.statusText} · ${milliseconds} ms · ${answer.headers.get("x-request-id")}`;
    put(form, "answer", text ? shown(text) : "(no body)");
  } catch (error) {
    output.textContent = `no answer: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call(form);
  });
}

// Shows what comes over the live line, and sends what is typed.
"use strict";

const list = document.getElementById("live");
const form = document.getElementById("say");
const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/live");

function show(words) {
  const item = document.createElement("li");
  item.textContent = words;
  list.append(item);
  while (list.children.length > 6) list.firstElementChild.remove();
}

socket.addEventListener("message", (event) => show(event.data));
socket.addEventListener("close", () => show("×"));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = form.elements.words;
  if (words.value && socket.readyState === WebSocket.OPEN) socket.send(words.value);
  words.value = "";
});

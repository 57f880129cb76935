// Leave at once: by the button without a way back to this page, or by Shift pressed three times.
// Without this script the button is a plain link. After GOV.UK's "Exit this page".
"use strict";
(() => {
  const link = document.querySelector(".exit a");
  const TIMES = 3;
  const WITHIN_MS = 5000;
  let presses = [];

  function leave() {
    document.title = "";
    document.body.hidden = true; // the next page may be slow
    window.location.replace(link.href);
  }

  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Shift") {
      presses = []; // Shift that wrote a capital letter
      return;
    }
    presses = [...presses, event.timeStamp].filter((time) => event.timeStamp - time < WITHIN_MS);
    if (presses.length >= TIMES) leave();
  });
  // A page that the browser kept whole would still be hidden after Back.
  window.addEventListener("pageshow", () => {
    document.body.hidden = false;
  });
})();

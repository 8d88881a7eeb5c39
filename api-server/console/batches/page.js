// Batches: the list, a new one, or one of them.

import { showList } from "./list.js";
import { showOne } from "./one.js";
import { showSubmit } from "./submit.js";

export function showBatches(place, [which], signal) {
  if (which === "new") return showSubmit(place, signal);
  return which ? showOne(place, which, signal) : showList(place, signal);
}

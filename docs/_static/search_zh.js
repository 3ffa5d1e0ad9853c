// The search of the Chinese site: its page loads this before Sphinx's own scripts.

// The last line of Sphinx's language_data.js names a ChineseStemmer, which Sphinx 9 does not define. Without one, no search
// ends (https://github.com/sphinx-doc/sphinx/issues/14229). The words of the index were made with the English stemmer.
function ChineseStemmer() {
  const stemmer = new EnglishStemmer();
  this.stemWord = (word) => stemmer.stemWord(word);
}

// Sphinx's own function takes Chinese text without blanks as one word. The index has shorter ones: 时钟 and 不准 of 时钟不准.
function splitQuery(query) {
  const parts = query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_])+/gu) ?? [];
  return parts.flatMap((part) => (/\p{Script=Han}/u.test(part) ? wordsOfIndex(part) : [part]));
}

// From left to right, the longest words that the index has. A character that begins none of them is left out.
function wordsOfIndex(text) {
  const { terms, titleterms } = Search._index;
  const words = [];
  let start = 0;
  while (start < text.length) {
    let end = text.length;
    while (end > start && !Object.hasOwn(terms, text.slice(start, end)) && !Object.hasOwn(titleterms, text.slice(start, end))) end -= 1;
    if (end > start) words.push(text.slice(start, end));
    start = Math.max(end, start + 1);
  }
  return words.length ? words : [text];
}

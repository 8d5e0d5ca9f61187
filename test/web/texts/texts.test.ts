import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { projectRoot } from '../../../src/platform/index.js';

const PAGES = path.join(projectRoot(), 'src', 'web');
/** Attributes and properties whose value people read or hear. */
const READ = new Set([
  ...['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt', 'label', 'summary'],
  ...['question', 'invitation', 'notice', 'message', 'empty', 'text'],
  ...['addText', 'removeText', 'submitText'],
]);
const LETTERS = /\p{L}{2}/u;
/** A sentence, or several words with a capital. */
const SENTENCE = /^\p{Lu}\p{Ll}+ .*\p{Ll}|\p{Ll} \p{Ll}+[.…?!]$/u;
/** Names of products, formats and units, which are the same in every language. */
const NAMES = new Set([
  ...[
    'Headend',
    'Studio',
    'OBS',
    'WebRTC',
    'HLS',
    'VP8',
    'DASH',
    'Mbit/s',
    'kbit/s',
    'dBFS',
    'ms',
    'https://…',
    'rtmps://…',
  ],
]);
/** Names that data have in every language, and messages of exceptions that nobody reads. */
const DATA = new Set(['no canvas', 'no media devices', 'headend volume']);

/** Texts for people that are written in a file of the pages, each with its line. */
function textsIn(file: string): string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(path.join(PAGES, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
    file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = writtenText(node);
    if (text !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1}: ${text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Returns the text of a node if people read it. */
function writtenText(node: ts.Node): string | undefined {
  if (ts.isJsxText(node)) return isCode(node) ? undefined : foreign(node.text.replace(/\b\d+ %|\bp\b/g, ''));
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return undefined;
  if (isModuleName(node) || isCode(node)) return undefined;
  const text = ts.isTemplateExpression(node) ? partsOf(node).join(' ') : node.text;
  return isShown(node) || SENTENCE.test(text) ? foreign(text) : undefined;
}

function foreign(text: string): string | undefined {
  const trimmed = text.trim();
  const words = trimmed.split(/\s+/).filter((word) => !NAMES.has(word));
  const isText = LETTERS.test(words.join(' ')) && !DATA.has(trimmed) && !trimmed.startsWith('/');
  return isText ? trimmed : undefined;
}

function partsOf({ head, templateSpans }: ts.TemplateExpression): string[] {
  return [head.text, ...templateSpans.map(({ literal }) => literal.text)];
}

/** Whether a string is a child of an element, or the value of an attribute or property that people read. */
function isShown(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isJsxAttribute(parent)) return READ.has(parent.name.getText()) || parent.name.getText() === 'unit';
  if (ts.isPropertyAssignment(parent)) return READ.has(parent.name.getText());
  if (ts.isJsxExpression(parent))
    return ts.isJsxAttribute(parent.parent) ? READ.has(parent.parent.name.getText()) : true;
  const isValue =
    (ts.isConditionalExpression(parent) && parent.condition !== node) ||
    (ts.isBinaryExpression(parent) && parent.right === node && isChoice(parent.operatorToken.kind)) ||
    ts.isParenthesizedExpression(parent);
  return isValue && isShown(parent);
}

function isChoice(operator: ts.SyntaxKind): boolean {
  return (
    operator === ts.SyntaxKind.AmpersandAmpersandToken ||
    operator === ts.SyntaxKind.BarBarToken ||
    operator === ts.SyntaxKind.QuestionQuestionToken
  );
}

/** Whether a text is an example of code. */
function isCode({ parent }: ts.Node): boolean {
  const element = ts.isJsxExpression(parent) ? parent.parent : parent;
  return ts.isJsxElement(element) && /^code$/i.test(element.openingElement.tagName.getText());
}

function isModuleName({ parent }: ts.Node): boolean {
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isLiteralTypeNode(parent);
}

const files = readdirSync(PAGES, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.tsx?$/.test(file),
);

t.test('texts that people read are in the folder of the texts, in no component', async (t) => {
  const components = files.filter((file) => !file.startsWith('texts/') && !file.endsWith('.config.ts'));
  t.ok(components.length > 150, `${components.length} files are checked`);
  t.same(components.flatMap(textsIn), []);
});

t.test('the check finds texts in children, attributes, choices and sentences', async (t) => {
  const samples: [string, string][] = [
    ['const a = <p>Hello there</p>;', 'Hello there'],
    ['const a = <p aria-label="Volume" />;', 'Volume'],
    ["const a = <p>{open ? 'Hide' : ''}</p>;", 'Hide'],
    ['const a = `Nothing was $' + '{verb} yet.`;', 'Nothing was   yet.'],
  ];
  for (const [code, expected] of samples) {
    const source = ts.createSourceFile('a.tsx', code, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      const text = writtenText(node);
      if (text !== undefined) found.push(text);
      ts.forEachChild(node, visit);
    };
    visit(source);
    t.same(found, [expected], code);
  }
});

t.test('a language has texts for the same areas as English', async (t) => {
  const areas = (language: string): string[] =>
    files
      .filter((file) => file.startsWith(`texts/${language}/`))
      .map((file) => path.basename(file))
      .sort();
  // Messages of the gateway are English by themselves.
  t.same(
    areas('de').filter((name) => name !== 'errors.ts' && name !== 'findings.ts'),
    areas('en'),
  );
});

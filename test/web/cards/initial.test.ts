import t from 'tap';
import { initialOf } from '../../../src/web/cards/initial.js';

t.test('the initial of a name is its first letter or digit as people see it', async (t) => {
  t.same(['ada', '  «élan»', '!7th', 'שלום', 'नमस्ते', '', '!!'].map(initialOf), [
    'A',
    'É',
    '7',
    'ש',
    'न',
    '',
    '!',
  ]);
});

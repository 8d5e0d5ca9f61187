export * from './media-answer.js';

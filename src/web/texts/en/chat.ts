import { number, plural } from '../../locale/format.js';

/** Chat, polls and reactions. */
export const texts = {
  chat: 'Chat',
  empty: 'Nothing was said yet.',
  connecting: 'Connecting…',
  newPoll: 'New poll',
  signOut: 'Sign out',
  signIn: 'Sign in to chat',
  isAhead: 'The chat is live; you are watching earlier.',
  slowMode: (seconds: number) => `One message each ${number(seconds)} s.`,
  membersOnly: 'For members.',
  followersOnly: 'For followers.',
  emoteOnly: 'Emotes alone.',
  replay: 'Chat replay',
  replayEmpty: 'Nothing was said up to here.',
  mention: 'Mention',
  message: 'Message',
  saySomething: 'Say something',
  emoji: 'Emoji',
  send: 'Send',
  faces: 'Faces',
  hands: 'Hands',
  hearts: 'Hearts and signs',
  things: 'Things',
  messages: 'Messages',
  newMessages: (count: number) => plural(count, { one: '# new message ↓', other: '# new messages ↓' }),
  jumpToNewest: 'Jump to the newest ↓',
  timeOut: (minutes: number) =>
    minutes < 60
      ? plural(minutes, { one: 'Time out for # minute', other: 'Time out for # minutes' })
      : plural(minutes / 60, { one: 'Time out for # hour', other: 'Time out for # hours' }),
  badges: { broadcaster: 'Broadcaster', admin: 'Administrator', moderator: 'Moderator' },
  actionsFor: (name: string) => `Actions for the message of ${name}`,
  reply: 'Reply',
  delete: 'Delete',
  banForGood: (name: string) => `Ban ${name} for good?`,
  ban: 'Ban…',
  poll: 'Poll',
  close: 'Close',
  votes: (count: number) => plural(count, { one: '# vote', other: '# votes' }),
  signInToVote: 'Sign in to vote.',
  pollClosed: 'The poll is closed.',
  closePoll: 'Close the poll',
  question: 'Question',
  answer: (place: number) => `Answer ${place}`,
  anotherAnswer: 'Another answer',
  openFor: 'Open for',
  minutes: (minutes: number) =>
    minutes < 60
      ? plural(minutes, { one: '# minute', other: '# minutes' })
      : plural(minutes / 60, { one: '# hour', other: '# hours' }),
  startPoll: 'Start the poll',
  cancel: 'Cancel',
  reactions: 'Reactions',
  react: (reaction: string, count: number) =>
    count > 0 ? `React with ${reaction}, ${number(count)} now` : `React with ${reaction}`,
};

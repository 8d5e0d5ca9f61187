/** Reactions that are one click away. */
export const QUICK_REACTIONS = ['❤️', '😂', '👏', '🎉', '😮', '🔥'] as const;

/** Emoji of the picker, by their group. */
export const EMOJI: readonly (readonly [group: 'faces' | 'hands' | 'hearts' | 'things', emoji: string])[] = [
  [
    'faces',
    '😀 😄 😂 🤣 😊 😉 😍 🥰 😘 😎 🤓 🤩 🥳 😏 😅 😭 😢 😡 🤬 😱 😨 😴 🤔 🤨 🙄 😬 🤯 🥺 😇 🤡 👻 💀',
  ],
  ['hands', '👍 👎 👏 🙌 🙏 👋 🤝 💪 👌 ✌️ 🤞 🤘 👀 🫡 🤷 🤦'],
  ['hearts', '❤️ 🧡 💛 💚 💙 💜 🖤 💔 💯 ✅ ❌ ❓ ❗ ⭐ ✨ 🔥 💥 🎉 🎊 🏆 🥇 🚀'],
  ['things', '🎵 🎤 🎧 🎮 🎬 📷 💻 ⚽ 🏀 🎲 ☕ 🍺 🍕 🎂 🌞 🌈 ❄️ 🐱 🐶 🦄'],
];

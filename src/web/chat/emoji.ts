/** Reactions that are one click away. */
export const QUICK_REACTIONS = ['❤️', '😂', '👏', '🎉', '😮', '🔥'] as const;

/** Emoji of the picker, by the name of their group. */
export const EMOJI: readonly (readonly [group: string, emoji: string])[] = [
  [
    'Faces',
    '😀 😄 😂 🤣 😊 😉 😍 🥰 😘 😎 🤓 🤩 🥳 😏 😅 😭 😢 😡 🤬 😱 😨 😴 🤔 🤨 🙄 😬 🤯 🥺 😇 🤡 👻 💀',
  ],
  ['Hands', '👍 👎 👏 🙌 🙏 👋 🤝 💪 👌 ✌️ 🤞 🤘 👀 🫡 🤷 🤦'],
  ['Hearts and signs', '❤️ 🧡 💛 💚 💙 💜 🖤 💔 💯 ✅ ❌ ❓ ❗ ⭐ ✨ 🔥 💥 🎉 🎊 🏆 🥇 🚀'],
  ['Things', '🎵 🎤 🎧 🎮 🎬 📷 💻 ⚽ 🏀 🎲 ☕ 🍺 🍕 🎂 🌞 🌈 ❄️ 🐱 🐶 🦄'],
];

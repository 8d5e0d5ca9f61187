export { ControlBar } from './control-bar.js';
export { SettingsMenu } from './settings-menu.js';
export { ShortcutHelp } from './shortcut-help.js';

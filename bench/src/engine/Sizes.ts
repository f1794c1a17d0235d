/** "16 B", "1 KiB" */
export const text = (bytes: number): string => bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`
